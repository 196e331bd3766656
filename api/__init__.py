"""HTTP: translate, answer. No SQL, no torch, no business rule."""
