package http1

// id tells the fields that the codec acts on from all others.
type id uint8

const (
	idOther id = iota
	idHost
	idConnection
	idLength
	idCoding
	idTrailer
	idUpgrade
	idExpect
	idHop     // Other fields between neighbours, which go no further.
	idForward // What only a proxy may say to a backend.
	idOurs    // What only Ballast may say to a client.
	idRequest // What names the request, which is for who forwards it to print anew.
	idLoop    // What tells by whom it has come, the same.
	idAlias   // What a server may take for one of the above.
	ids
)

type knownName struct {
	name string
	id   id
}

var knownNames = []knownName{
	{"host", idHost},
	{"connection", idConnection},
	{"content-length", idLength},
	{"transfer-encoding", idCoding},
	{"trailer", idTrailer},
	{"upgrade", idUpgrade},
	{"expect", idExpect},
	{"te", idHop},
	{"keep-alive", idHop},
	{"proxy-connection", idHop},
	{"proxy-authenticate", idHop},
	{"proxy-authorization", idHop},
	{"http2-settings", idHop}, // RFC 7540 3.2.1: it begins h2c, which is not passed on.
	{"forwarded", idForward},
	{"x-real-ip", idForward},
	{"proxy", idForward}, // CGI makes HTTP_PROXY of it, which libraries obey (CVE-2016-5385).
	{"x-request-id", idRequest},
	{"cdn-loop", idLoop},
	{"x-ballast-error", idOurs},
}

// xForwarded begins a family of names, not all of which are known.
const xForwarded = "x-forwarded"

const maxKnown = len("proxy-authorization")

// knownByLength has the known names by their lengths: most fields are told apart by that.
var knownByLength = func() (t [maxKnown + 1][]knownName) {
	for _, k := range knownNames {
		t[len(k.name)] = append(t[len(k.name)], k)
	}
	return t
}()

// dropped says what is not copied from a message, by the direction it goes. What of it must be
// there is printed anew.
var (
	droppedFromRequest = [ids]bool{
		idHost: true, idConnection: true, idLength: true, idCoding: true, idTrailer: true, idUpgrade: true,
		idExpect: true, idHop: true, idForward: true, idRequest: true, idLoop: true, idAlias: true,
	}
	droppedFromResponse = [ids]bool{
		idConnection: true, idLength: true, idCoding: true, idTrailer: true, idUpgrade: true,
		idHop: true, idOurs: true, idAlias: true,
	}
)

// identify returns what a name is. marked says that there is a mark in it: an underscore, a dot
// or another tchar that servers which make variables of names read as they read a dash.
func identify(name []byte, marked bool) id {
	if marked {
		return identifyMarked(name)
	}
	if len(name) == 0 {
		return idOther
	}
	first := lower[name[0]] // It tells most of those apart that a length does not.
	if len(name) < len(knownByLength) {
		for i := range knownByLength[len(name)] {
			if k := &knownByLength[len(name)][i]; k.name[0] == first && same(name, k.name) {
				return k.id
			}
		}
	}
	if first == 'x' && len(name) >= len(xForwarded) && same(name[:len(xForwarded)], xForwarded) {
		return idForward
	}
	return idOther
}

func identifyMarked(name []byte) id {
	var plain [maxKnown]byte
	n := copy(plain[:], name)
	for i, c := range plain[:n] {
		if class[c]&isMark != 0 {
			plain[i] = '-'
		}
	}
	// Longer names can only be of the family.
	if len(name) > n && !same(plain[:len(xForwarded)], xForwarded) {
		return idOther
	}
	if identify(plain[:n], false) == idOther {
		return idOther
	}
	return idAlias
}
