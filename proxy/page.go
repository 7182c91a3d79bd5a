package proxy

import (
	"bytes"
	"html/template"
	"strings"
)

// page is what people see in a browser. It loads nothing and tells nothing of what is behind Ballast.
var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{{.Status}} {{.Title}}</title>
</head>
<body>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
<p>Error {{.Status}}</p>
</body>
</html>
`))

// HTML is the problem as a small page, for browsers; it is to be sent with Policy.
func (p Problem) HTML() []byte {
	if p.Type == waitType {
		return waitPage
	}
	var out bytes.Buffer
	if page.Execute(&out, p) != nil { // Strings and a number: it can't be.
		return p.JSON()
	}
	return out.Bytes()
}

// WantsHTML says whether a value of Accept asks for HTML by name (RFC 9110 12.5.1), as browsers do and programs do not.
func WantsHTML[S ~string | ~[]byte](accept S) bool {
	for part := range strings.SplitSeq(string(accept), ",") {
		kind, rest, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(kind), "text/html") {
			return !refusedByQuality(rest)
		}
	}
	return false
}

// refusedByQuality says whether parameters have a quality of 0.
func refusedByQuality(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			return strings.Trim(strings.TrimSpace(value), "0.") == ""
		}
	}
	return false
}
