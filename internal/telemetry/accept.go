package telemetry

import (
	"mime"
	"strconv"
	"strings"
)

// AsksForText says whether a request with this Accept header, to an address that has JSON and
// Prometheus text, wants the text: it names a format of Prometheus and likes it better than JSON.
func AsksForText(accept string) bool {
	var text, json float64
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(s, 64); err != nil {
				continue
			}
		}
		switch kind {
		case "application/openmetrics-text", "text/plain", "application/vnd.google.protobuf":
			text = max(text, q)
		case "application/json":
			json = max(json, q)
		}
	}
	return text > json
}
