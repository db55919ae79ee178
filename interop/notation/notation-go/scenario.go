package main

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

const (
	scope        = "registry.acme-rockets.io/software/net-monitor"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	image        = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`
	leafIdentity = "x509.subject:CN=Notation Test Leaf Cert,O=Notary,L=Seattle,ST=WA,C=US"
)

// document is trustpolicy.json.
type document struct {
	Version       string      `json:"version"`
	TrustPolicies []statement `json:"trustPolicies"`
}

type statement struct {
	Name                  string       `json:"name"`
	RegistryScopes        []string     `json:"registryScopes"`
	SignatureVerification verification `json:"signatureVerification"`
	TrustStores           []string     `json:"trustStores,omitempty"`
	TrustedIdentities     []string     `json:"trustedIdentities,omitempty"`
}

type verification struct {
	Level           string            `json:"level,omitempty"`
	Override        map[string]string `json:"override,omitempty"`
	VerifyTimestamp string            `json:"verifyTimestamp,omitempty"`
}

// descriptor as in OCI.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func describe(mediaType string, content []byte) descriptor {
	digest := sha256.Sum256(content)
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(digest[:]), Size: int64(len(content))}
}

// reply of a responder or a server of CRLs.
type reply struct {
	Status int    `json:"status,omitempty"` // 200 where it is 0
	Body   []byte `json:"body,omitempty"`
	// In place of an answer.
	Error string `json:"error,omitempty"`
}

// scenario is a signature and everything that it is judged by. It starts as a good one.
type scenario struct {
	format, scheme string
	chain          []*entity
	draft          *draft
	layer          string // media type of the envelope

	document  document
	text      string // in place of the document
	stores    map[string][]*x509.Certificate
	reference string
	metadata  map[string]string
	web       map[string]reply
	// The artifact; a blob has no manifest.
	target []byte
	is     string // media type of the target
	signed descriptor
	blob   string  // its digest, in place of a manifest's
	hosted *hosted // in place of the draft
	only   bool    // the document
}

func newScenario(format, scheme string) *scenario {
	s := &scenario{
		format: format, scheme: scheme,
		reference: scope + "@" + describe(manifestType, []byte(image)).Digest,
		target:    []byte(image), is: manifestType,
		web: map[string]reply{},
		document: document{Version: "1.0", TrustPolicies: []statement{{
			Name:                  "test-statement-name",
			RegistryScopes:        []string{scope},
			SignatureVerification: verification{Level: "strict"},
			TrustStores:           []string{"ca:valid-trust-store", "signingAuthority:valid-trust-store"},
			TrustedIdentities:     []string{leafIdentity},
		}}},
	}
	s.signed = describe(manifestType, []byte(image))
	s.by(chain(plan{size: 3}))
	return s
}

func (s *scenario) statement() *statement { return &s.document.TrustPolicies[0] }

func (s *scenario) level(level string) { s.statement().SignatureVerification.Level = level }

func (s *scenario) override(validation, action string) {
	v := &s.statement().SignatureVerification
	if v.Override == nil {
		v.Override = map[string]string{}
	}
	v.Override[validation] = action
}

// by signs anew by this chain, and trusts its root.
func (s *scenario) by(chain []*entity) {
	s.chain = chain
	s.draft = newDraft(s.format, s.scheme, chain[0].key, chain, s.payload())
	s.layer = s.draft.mediaType()
	s.trust(root(chain))
}

// keyed is by, with another key for the leaf alone.
func (s *scenario) keyed(size int, leaf crypto.Signer) {
	s.by(chain(plan{size: size, keys: func(i int) crypto.Signer {
		if i == 0 {
			return leaf
		}
		return defaultKey(i)
	}}))
}

func (s *scenario) trust(certs ...*x509.Certificate) {
	stores := map[string][]*x509.Certificate{"ca:valid-trust-store": certs, "signingAuthority:valid-trust-store": certs}
	for name, kept := range s.stores {
		if _, new := stores[name]; !new {
			stores[name] = kept
		}
	}
	s.stores = stores
}

func (s *scenario) payload() []byte {
	return must(json.Marshal(map[string]any{"targetArtifact": s.signed}))
}

// sign makes the payload say this.
func (s *scenario) sign(target descriptor) {
	s.signed = target
	s.draft.payload = s.payload()
}

// stamped adds a timestamp and trusts its authority.
func (s *scenario) stamped(stamp *stamp) {
	s.draft.stamp = stamp.token
	s.tsa("test-timestamp", root(stamp.authority))
}

func (s *scenario) tsa(name string, roots ...*x509.Certificate) {
	s.statement().TrustStores = append(s.statement().TrustStores, "tsa:"+name)
	if roots != nil {
		s.stores["tsa:"+name] = roots
	}
}

// revokable makes a chain of this size that names a responder, a CRL or both for all but the root.
func revokable(size int, responders, crls bool, edits ...func(i int, template *x509.Certificate)) []*entity {
	return chain(plan{size: size, edit: func(i int, template *x509.Certificate) {
		if i < size-1 {
			if responders {
				template.OCSPServer = []string{responderURL(i)}
			}
			if crls {
				template.CRLDistributionPoints = []string{crlURL(i)}
			}
		}
		for _, edit := range edits {
			edit(i, template)
		}
	}})
}

func responderURL(i int) string { return fmt.Sprintf("http://localhost.test/chain_ocsp/%d", i) }
func crlURL(i int) string       { return fmt.Sprintf("http://localhost.test/chain_crl/%d", i) }

// case as it is written down.
type written struct {
	Table   string `json:"table"`
	Row     string `json:"row"`
	Variant string `json:"variant,omitempty"`
	// Why nobody is asked; the rest is empty then.
	NotAsked string `json:"notAsked,omitempty"`
	// How many such rows there are.
	Count int `json:"count,omitempty"`

	Now       string                         `json:"now,omitempty"`
	Document  string                         `json:"document,omitempty"`
	Stores    map[string]map[string][]string `json:"stores,omitempty"`
	Reference string                         `json:"reference,omitempty"`
	Target    []byte                         `json:"target,omitempty"`
	MediaType string                         `json:"mediaType,omitempty"`
	// Of a blob, by the hash of the signing key's algorithm; there is no reference then.
	BlobDigest string `json:"blobDigest,omitempty"`
	Layer      string `json:"layer,omitempty"`
	Envelope   []byte `json:"envelope,omitempty"`
	// Only the document is judged.
	Only     bool              `json:"only,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Web      map[string]reply  `json:"web,omitempty"`
	Hosted   *hosted           `json:"hosted,omitempty"`
	Answer   *answer           `json:"answer,omitempty"`
}

func (s *scenario) documentText() string {
	if s.text != "" {
		return s.text
	}
	return string(must(json.Marshal(s.document)))
}

func (s *scenario) write(table, row, variant string) written {
	w := written{
		Table: table, Row: row, Variant: variant,
		Now: now.Format("2006-01-02T15:04:05Z"), Document: s.documentText(), Reference: s.reference,
		Stores: map[string]map[string][]string{}, Metadata: s.metadata, Web: s.web,
		Target: s.target, MediaType: s.is, BlobDigest: s.blob, Hosted: s.hosted, Only: s.only,
	}
	for name, certs := range s.stores {
		kind, name, _ := strings.Cut(name, ":")
		if w.Stores[kind] == nil {
			w.Stores[kind] = map[string][]string{}
		}
		w.Stores[kind][name] = []string{}
		for _, cert := range certs {
			w.Stores[kind][name] = append(w.Stores[kind][name], pemOf(cert))
		}
	}
	if !s.only && s.hosted == nil {
		w.Layer, w.Envelope = s.layer, s.draft.build()
	}
	return w
}
