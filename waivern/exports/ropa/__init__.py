"""A draft of the record of processing activities that Art. 30(1) GDPR asks controllers for."""
