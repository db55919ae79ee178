package main

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
)

// rsaKeys by bits, as `readRSA` has read them.
var rsaKeys = map[int]*rsa.PrivateKey{}

// readRSA reads tests/support/notation_rsa.txt: bits, then the primes; keys without primes are skipped.
func readRSA(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || words[0] == "#" {
			continue
		}
		p, q := new(big.Int), new(big.Int)
		if _, ok := p.SetString(words[1], 16); !ok {
			return fmt.Errorf("not a number in %s", path)
		}
		if _, ok := q.SetString(words[2], 16); !ok {
			return fmt.Errorf("not a number in %s", path)
		}
		key, err := fromPrimes(p, q)
		if err != nil {
			return err
		}
		rsaKeys[key.N.BitLen()] = key
	}
	return lines.Err()
}

func rsaKey(bits int) crypto.Signer {
	if bits == 1024 && rsaKeys[bits] == nil {
		rsaKeys[bits] = must(fromPrimes(prime("p"), prime("q")))
	}
	key, known := rsaKeys[bits]
	if !known {
		panic(fmt.Sprintf("no RSA key of %d bits", bits))
	}
	return key
}

// prime of 512 bits, the two highest of which are set.
func prime(name string) *big.Int {
	seed := sha512.Sum512([]byte("countersign interop notation prime " + name))
	seed[0] |= 0xc0
	seed[63] |= 1
	candidate := new(big.Int).SetBytes(seed[:])
	for !candidate.ProbablyPrime(20) {
		candidate.Add(candidate, big.NewInt(2))
	}
	return candidate
}

func fromPrimes(p, q *big.Int) (*rsa.PrivateKey, error) {
	key := &rsa.PrivateKey{Primes: []*big.Int{p, q}}
	key.N, key.E = new(big.Int).Mul(p, q), 65537
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key.D = new(big.Int).ModInverse(big.NewInt(65537), phi)
	if key.D == nil {
		return nil, errors.New("no key has these primes")
	}
	key.Precompute()
	return key, key.Validate()
}

// ecKey is the same for the same name, and signs the same for the same message.
func ecKey(curve elliptic.Curve, name string) crypto.Signer {
	seed := sha512.Sum512([]byte("countersign interop notation " + curve.Params().Name + " " + name))
	size := (curve.Params().BitSize + 7) / 8
	scalar := make([]byte, size)
	if size > len(seed) {
		copy(scalar[size-len(seed):], seed[:])
	} else {
		copy(scalar, seed[:])
		scalar[0] &= 0x7f
	}
	return fixed{must(ecdsa.ParseRawPrivateKey(curve, scalar))}
}

func p256(name string) crypto.Signer { return ecKey(elliptic.P256(), name) }

// fixed signs as RFC 6979 has it, whatever source of randomness it is given.
type fixed struct{ *ecdsa.PrivateKey }

func (f fixed) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return f.PrivateKey.Sign(nil, digest, opts)
}

// salts is a source of randomness that has none.
type salts struct{ count uint64 }

func (s *salts) Read(into []byte) (int, error) {
	for n := 0; n < len(into); {
		var counter [8]byte
		binary.BigEndian.PutUint64(counter[:], s.count)
		s.count++
		block := sha256.Sum256(counter[:])
		n += copy(into[n:], block[:])
	}
	return len(into), nil
}
