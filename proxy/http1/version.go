package http1

// parseVersion reads the version, which is case-sensitive and has one digit on each side of its dot (RFC 9112 2.3).
// What is later than 1.1 within 1 is read as that (RFC 9110 2.5).
func parseVersion(b []byte) (http10 bool, err error) {
	switch {
	case string(b) == "HTTP/1.1":
		return false, nil
	case string(b) == "HTTP/1.0":
		return true, nil
	case len(b) == 8 && string(b[:5]) == "HTTP/" && isDigit(b[5]) && b[6] == '.' && isDigit(b[7]):
		if b[5] == '1' {
			return false, nil
		}
		return false, ErrVersionUnsupported
	}
	return false, ErrVersion
}
