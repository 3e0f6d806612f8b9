"""Schemas: what each format can say, apart from how it is read, so that naming a field costs no decoder."""
