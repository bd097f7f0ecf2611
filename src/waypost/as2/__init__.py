"""AS2 (RFC 4130, RFC 5402): signed, encrypted, compressed messages over HTTP and the receipts that answer them.

The message layer: bytes in, bytes out. It opens no connection, reads no file and asks no clock.
"""
