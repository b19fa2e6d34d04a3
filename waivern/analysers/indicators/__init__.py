"""Rule-based analysers that find indicators: personal data, data subjects, purposes, services, secrets."""
