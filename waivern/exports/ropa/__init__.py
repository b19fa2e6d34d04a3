"""A draft of the record of processing activities that controllers must keep under Art. 30(1) GDPR."""
