"""Writes a fresh RSA key, PKCS #8 in DER, to standard output."""

import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
sys.stdout.buffer.write(key.private_bytes(*form))
