"""What every call passes through, in one order (see ``pipeline.Pipeline``)."""
