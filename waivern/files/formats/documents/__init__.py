"""Formats of office documents: PDF, DOCX and XLSX."""
