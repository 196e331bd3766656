"""What a device computes with: number formats, instructions, determinism, and a fingerprint of them all."""
