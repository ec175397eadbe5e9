"""What the exporter ``every-eval-ever`` is made of; nothing here registers an exporter."""
