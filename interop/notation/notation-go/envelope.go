package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

// Names of attributes. The first three are other labels in COSE.
const (
	attrAlg              = "alg"
	attrType             = "cty"
	attrCrit             = "crit"
	attrScheme           = "io.cncf.notary.signingScheme"
	attrSigningTime      = "io.cncf.notary.signingTime"
	attrAuthenticTime    = "io.cncf.notary.authenticSigningTime"
	attrExpiry           = "io.cncf.notary.expiry"
	attrPlugin           = "io.cncf.notary.verificationPlugin"
	attrPluginMinVersion = "io.cncf.notary.verificationPluginMinVersion"
	attrTimestamp        = "io.cncf.notary.timestampSignature"
	attrAgent            = "io.cncf.notary.signingAgent"
	attrChain            = "x5c"

	payloadType = "application/vnd.cncf.notary.payload.v1+json"
	x509Scheme  = "notary.x509"
	saScheme    = "notary.x509.signingAuthority"
)

// raw is a value as it stands in one of the two formats.
type raw struct {
	json string
	cbor []byte
}

// attribute of a header. Values: string, []string, int, bool, time.Time, []byte, [][]byte, raw.
type attribute struct {
	name  any // string, or an int in COSE
	value any
}

// draft is an envelope of which everything can be wrong.
type draft struct {
	format    string // jws or cose
	key       crypto.Signer
	hash      crypto.Hash // in place of the key's
	protected []attribute
	open      []attribute
	payload   []byte
	stamp     func(signature []byte) []byte
	// What is done to the parts after they were signed.
	spoil func(parts *parts)
	// What is done to the whole.
	after func(envelope []byte) []byte
}

// parts of a signed envelope. In JWS the first two and the signature are base64url already.
type parts struct {
	protected, payload, signature []byte
	open                          []attribute
}

func newDraft(format, scheme string, key crypto.Signer, chain []*entity, payload []byte) *draft {
	d := &draft{format: format, key: key, payload: payload}
	d.set(attrAlg, algorithm(key))
	d.set(attrType, payloadType)
	d.set(attrScheme, scheme)
	d.set(attrCrit, []string{attrScheme})
	if scheme == saScheme {
		d.set(attrAuthenticTime, signedAt)
		d.crit(attrAuthenticTime)
	} else {
		d.set(attrSigningTime, signedAt)
	}
	d.chain(certificateBytes(chain)...)
	d.setOpen(attrAgent, "countersign-interop/1.0")
	return d
}

func certificateBytes(chain []*entity) [][]byte {
	var all [][]byte
	for _, one := range chain {
		all = append(all, one.cert.Raw)
	}
	return all
}

func (d *draft) chain(der ...[]byte) { d.setOpen(attrChain, der) }

func put(list []attribute, name, value any) []attribute {
	for i := range list {
		if list[i].name == name {
			list[i].value = value
			return list
		}
	}
	return append(list, attribute{name, value})
}

func drop(list []attribute, name any) []attribute {
	var kept []attribute
	for _, one := range list {
		if one.name != name {
			kept = append(kept, one)
		}
	}
	return kept
}

func (d *draft) set(name, value any)     { d.protected = put(d.protected, name, value) }
func (d *draft) setOpen(name, value any) { d.open = put(d.open, name, value) }
func (d *draft) remove(name any)         { d.protected = drop(d.protected, name) }
func (d *draft) removeOpen(name any)     { d.open = drop(d.open, name) }

// crit adds to the critical attributes.
func (d *draft) crit(names ...string) {
	for _, one := range d.protected {
		if one.name == attrCrit {
			d.set(attrCrit, append(append([]string(nil), one.value.([]string)...), names...))
			return
		}
	}
	d.set(attrCrit, names)
}

func (d *draft) expires(at time.Time) {
	d.set(attrExpiry, at)
	d.crit(attrExpiry)
}

func (d *draft) build() []byte {
	var envelope []byte
	if d.format == "cose" {
		envelope = d.cose()
	} else {
		envelope = d.jws()
	}
	if d.after != nil {
		envelope = d.after(envelope)
	}
	return envelope
}

func (d *draft) mediaType() string {
	if d.format == "cose" {
		return "application/cose"
	}
	return "application/jose+json"
}

// sign makes the primitive signature as JWS and COSE carry it.
func (d *draft) sign(message []byte) []byte {
	hash := d.hash
	if hash == 0 {
		hash = hashOf(d.key)
	}
	digest := hash.New()
	digest.Write(message)
	switch key := d.key.(type) {
	case *rsa.PrivateKey:
		return must(rsa.SignPSS(&salts{}, key, hash, digest.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
	case fixed:
		der := must(key.Sign(nil, digest.Sum(nil), hash))
		var pair struct{ R, S *big.Int }
		must(asn1.Unmarshal(der, &pair))
		size := (key.Curve.Params().BitSize + 7) / 8
		return append(pair.R.FillBytes(make([]byte, size)), pair.S.FillBytes(make([]byte, size))...)
	}
	panic("what a key")
}

func algorithm(key crypto.Signer) string {
	family := "ES"
	if _, is := key.Public().(*rsa.PublicKey); is {
		family = "PS"
	}
	return fmt.Sprintf("%s%d", family, hashOf(key).Size()*8)
}

func hashOf(key crypto.Signer) crypto.Hash {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		switch {
		case public.N.BitLen() >= 4096:
			return crypto.SHA512
		case public.N.BitLen() >= 3072:
			return crypto.SHA384
		}
	case *ecdsa.PublicKey:
		switch size := public.Curve.Params().BitSize; {
		case size > 384:
			return crypto.SHA512
		case size == 384:
			return crypto.SHA384
		}
	}
	return crypto.SHA256
}

// ---- JWS

func base64url(bytes []byte) []byte {
	return []byte(base64.RawURLEncoding.EncodeToString(bytes))
}

func (d *draft) jws() []byte {
	made := parts{protected: base64url(jsonObject(d.protected)), payload: base64url(d.payload), open: d.open}
	signature := d.sign([]byte(string(made.protected) + "." + string(made.payload)))
	made.signature = base64url(signature)
	if d.stamp != nil {
		made.open = put(made.open, attrTimestamp, d.stamp(signature))
	}
	if d.spoil != nil {
		d.spoil(&made)
	}
	return must(json.Marshal(map[string]any{
		"payload":   string(made.payload),
		"protected": string(made.protected),
		"header":    json.RawMessage(jsonObject(made.open)),
		"signature": string(made.signature),
	}))
}

func jsonObject(list []attribute) []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, one := range list {
		if i > 0 {
			out.WriteByte(',')
		}
		name, is := one.name.(string)
		if !is {
			panic("a name in JSON is text")
		}
		out.Write(must(json.Marshal(name)))
		out.WriteByte(':')
		switch value := one.value.(type) {
		case raw:
			out.WriteString(value.json)
		case time.Time:
			out.Write(must(json.Marshal(value.Format(time.RFC3339))))
		default:
			out.Write(must(json.Marshal(value)))
		}
	}
	out.WriteByte('}')
	return out.Bytes()
}

// ---- COSE

func (d *draft) cose() []byte {
	made := parts{protected: coseMap(d.protected), payload: d.payload, open: d.open}
	signed := cborArray(cborText("Signature1"), cborBytes(made.protected), cborBytes(nil), cborBytes(made.payload))
	made.signature = d.sign(signed)
	if d.stamp != nil {
		made.open = put(made.open, attrTimestamp, d.stamp(made.signature))
	}
	if d.spoil != nil {
		d.spoil(&made)
	}
	body := cborArray(cborBytes(made.protected), coseMap(made.open), cborBytes(made.payload), cborBytes(made.signature))
	return append([]byte{0xd2}, body...)
}

var coseLabels = map[string]int{attrAlg: 1, attrCrit: 2, attrType: 3, attrChain: 33}

var coseAlgorithms = map[string]int{"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38, "PS512": -39}

func coseMap(list []attribute) []byte {
	out := cborHead(5, len(list))
	for _, one := range list {
		out = append(out, coseLabel(one.name)...)
		out = append(out, coseValue(one)...)
	}
	return out
}

func coseLabel(name any) []byte {
	if text, is := name.(string); is {
		if label, known := coseLabels[text]; known {
			return cborInt(label)
		}
		return cborText(text)
	}
	return cborInt(name.(int))
}

func coseValue(one attribute) []byte {
	switch value := one.value.(type) {
	case raw:
		return value.cbor
	case string:
		if one.name == attrAlg {
			if number, known := coseAlgorithms[value]; known {
				return cborInt(number)
			}
		}
		return cborText(value)
	case int:
		return cborInt(value)
	case time.Time:
		return append(cborHead(6, 1), cborInt(int(value.Unix()))...)
	case []byte:
		return cborBytes(value)
	case []string:
		var items [][]byte
		for _, text := range value {
			items = append(items, coseLabel(text))
		}
		return cborArray(items...)
	case [][]byte:
		var items [][]byte
		for _, item := range value {
			items = append(items, cborBytes(item))
		}
		return cborArray(items...)
	}
	panic(fmt.Sprintf("no CBOR for %T", one.value))
}

func cborHead(major byte, n int) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return []byte{major | 25, byte(n >> 8), byte(n)}
	case n < 1<<32:
		return []byte{major | 26, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	return append([]byte{major | 27}, big.NewInt(int64(n)).FillBytes(make([]byte, 8))...)
}

func cborInt(n int) []byte {
	if n < 0 {
		return cborHead(1, -1-n)
	}
	return cborHead(0, n)
}

func cborText(text string) []byte   { return append(cborHead(3, len(text)), text...) }
func cborBytes(bytes []byte) []byte { return append(cborHead(2, len(bytes)), bytes...) }

func cborArray(items ...[]byte) []byte {
	out := cborHead(4, len(items))
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}
