package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Pair names the two PEM files of one certificate. Cert holds the server's own certificate first,
// then its intermediates; Key holds its private key. They may be the same file.
type Pair struct {
	Cert, Key string
}

// content is what the two files of a pair held when they were read.
type content struct {
	cert, key []byte
}

// sum tells contents apart without keeping another copy of the key in memory.
func (c content) sum() [sha256.Size]byte {
	cert, key := sha256.Sum256(c.cert), sha256.Sum256(c.key)
	return sha256.Sum256(append(cert[:], key[:]...))
}

func (p Pair) read() (c content, err error) {
	var certErr, keyErr error
	c.cert, certErr = os.ReadFile(p.Cert)
	c.key, keyErr = os.ReadFile(p.Key)
	return c, errors.Join(readError("certificate", certErr), readError("private key", keyErr))
}

// readError adds the remedy. The error of os.ReadFile names the file.
func readError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read %s: %w: check the path, and that it is mounted where Ballast runs", what, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("read %s: %w: let the user that Ballast runs as read the file", what, err)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// parse makes a certificate of a pair's content. Its errors name the file at fault and the remedy.
func (p Pair) parse(c content) (*tls.Certificate, error) {
	if err := checkCert(c.cert); err != nil {
		return nil, fmt.Errorf("certificate %s: %w", p.Cert, err)
	}
	if err := checkKey(c.key); err != nil {
		return nil, fmt.Errorf("private key %s: %w", p.Key, err)
	}
	cert, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with private key %s: %w: the key must be the one that the certificate was "+
			"made for, and the file must start with the server's own certificate, its intermediates after it", p.Cert, p.Key, err)
	}
	return &cert, nil
}

var (
	errNoCert    = errors.New("no CERTIFICATE block: PEM is expected; openssl x509 -inform der -in FILE makes it of DER")
	errNoKey     = errors.New("no PRIVATE KEY block: PEM is expected; openssl pkey -inform der -in FILE makes it of DER")
	errEncrypted = errors.New("the key is encrypted and nobody is there to type its password: openssl pkey -in FILE writes it without")
)

func checkCert(data []byte) error {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return nil
		}
	}
	return errNoCert
}

func checkKey(data []byte) error {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return errEncrypted
		case block.Type == "PRIVATE KEY", strings.HasSuffix(block.Type, " PRIVATE KEY"):
			return nil
		}
	}
	return errNoKey
}
