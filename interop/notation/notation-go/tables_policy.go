package main

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/crypto/ocsp"
)

func stranger(i int) crypto.Signer { return p256(fmt.Sprint("other ", i)) }

// One fault for each validation that a level has an action for.
var faults = map[string]func(*scenario){
	"authenticity": func(s *scenario) { s.trust(root(chain(plan{size: 3, keys: stranger}))) },
	"authenticTimestamp": func(s *scenario) {
		s.by(chain(plan{size: 3, edit: func(i int, template *x509.Certificate) {
			if i == 0 {
				template.NotAfter = longPast
			}
		}}))
	},
	"expiry":    func(s *scenario) { s.draft.expires(signedAt.Add(time.Hour)) },
	"integrity": func(s *scenario) { s.draft.spoil = func(p *parts) { p.signature = p.signature[:len(p.signature)-4] } },
	"revocation": func(s *scenario) {
		s.by(revokable(3, true, false))
		s.web[responderURL(0)] = reply{Body: response(s.chain[0], s.chain[1], ocsp.Revoked)}
		s.web[responderURL(1)] = reply{Body: response(s.chain[1], s.chain[2], ocsp.Good)}
	},
}

// trustpolicy_test.go and oci_test.go: what a document may say
func documents(t *tables) {
	// A level, by what it does about each fault; none where it is refused.
	level := func(table, row string, v verification) {
		t.policy(table, row, func(s *scenario) {
			s.statement().SignatureVerification = v
			if v.Level == "skip" {
				s.statement().TrustStores, s.statement().TrustedIdentities = nil, nil
			}
		})
		if !t.cases[len(t.cases)-1].Answer.Pass {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(faults)) {
			s := newScenario("jws", x509Scheme)
			faults[name](s)
			s.statement().SignatureVerification = v
			if v.Level == "skip" {
				s.statement().TrustStores, s.statement().TrustedIdentities = nil, nil
			}
			t.ask(table, row, "fault of "+name, s)
		}
	}
	for _, word := range []string{"strict", "permissive", "audit", "skip", "invalid"} {
		level("notation-go TestGetVerificationLevel", word, verification{Level: word})
	}
	for _, row := range [][3]string{
		{"strict", "integrity", "log"}, {"strict", "authenticity", "skip"}, {"strict", "authenticTimestamp", "skip"},
		{"strict", "expiry", "skip"}, {"skip", "authenticity", "log"}, {"invalid", "authenticity", "log"},
		{"strict", "invalid", "log"}, {"strict", "authenticity", "invalid"}, {"strict", "authenticity", "log"},
		{"permissive", "authenticity", "log"}, {"audit", "authenticity", "log"}, {"strict", "expiry", "log"},
		{"permissive", "expiry", "log"}, {"audit", "expiry", "log"}, {"strict", "revocation", "log"},
		{"permissive", "revocation", "log"}, {"audit", "revocation", "log"}, {"strict", "revocation", "skip"},
		{"permissive", "revocation", "skip"}, {"audit", "revocation", "skip"}, {"permissive", "authenticTimestamp", "log"},
		{"audit", "authenticTimestamp", "log"}, {"strict", "authenticTimestamp", "log"},
	} {
		level("notation-go TestCustomVerificationLevel", strings.Join(row[:], " "), verification{Level: row[0], Override: map[string]string{row[1]: row[2]}})
	}

	const invalid = "notation-go TestValidateInvalidPolicyDocument"
	t.not(invalid, arguments, "nil")
	other := func(s *scenario, name string, scopes ...string) {
		second := *s.statement()
		second.Name, second.RegistryScopes = name, scopes
		s.document.TrustPolicies = append(s.document.TrustPolicies, second)
	}
	for _, row := range []struct {
		name string
		edit func(*scenario, *statement)
	}{
		{"version", func(s *scenario, _ *statement) { s.document.Version = "invalid" }},
		{"empty version", func(s *scenario, _ *statement) { s.document.Version = "" }},
		{"no statements", func(s *scenario, _ *statement) { s.document.TrustPolicies = nil }},
		{"no name", func(_ *scenario, one *statement) { one.Name = "" }},
		{"no registry scopes", func(_ *scenario, one *statement) { one.RegistryScopes = nil }},
		{"the same registry scope twice", func(s *scenario, _ *statement) { other(s, "test-statement-name-2", scope) }},
		{"wildcard beside a registry scope", func(_ *scenario, one *statement) { one.RegistryScopes = []string{"*", scope} }},
		{"level", func(_ *scenario, one *statement) { one.SignatureVerification.Level = "invalid" }},
		{"verifyTimestamp", func(_ *scenario, one *statement) { one.SignatureVerification.VerifyTimestamp = "invalid" }},
		{"strict without trust store", func(_ *scenario, one *statement) { one.TrustStores = []string{} }},
		{"strict without trusted identities", func(_ *scenario, one *statement) { one.TrustedIdentities = []string{} }},
		{"skip with trust store and trusted identities", func(_ *scenario, one *statement) { one.SignatureVerification.Level = "skip" }},
		{"empty trusted identity", func(_ *scenario, one *statement) { one.TrustedIdentities = []string{""} }},
		{"trusted identity without separator", func(_ *scenario, one *statement) { one.TrustedIdentities = []string{"x509.subject"} }},
		{"trusted identity without value", func(_ *scenario, one *statement) { one.TrustedIdentities = []string{"x509.subject:"} }},
		{"skip with nothing", func(_ *scenario, one *statement) {
			one.SignatureVerification.Level, one.TrustStores, one.TrustedIdentities = "skip", nil, nil
		}},
		{"trust store without separator", func(_ *scenario, one *statement) { one.TrustStores = []string{"ca"} }},
		{"trust store type", func(_ *scenario, one *statement) { one.TrustStores = []string{"invalid:test-trust-store"} }},
		{"trust store without name", func(_ *scenario, one *statement) { one.TrustStores = []string{"ca:"} }},
		{"wildcard beside a trusted identity", func(_ *scenario, one *statement) { one.TrustedIdentities = []string{"*", "test-identity"} }},
		{"the same name twice", func(s *scenario, one *statement) {
			other(s, one.Name, "registry.acme-rockets.io/software/legacy/metrics")
		}},
	} {
		t.policy(invalid, row.name, func(s *scenario) { row.edit(s, s.statement()) })
	}
	t.policy("notation-go TestGetDocumentErrors", "not JSON", func(s *scenario) { s.text = `{"invalid` })
	t.notMany("notation-go TestGetDocumentErrors", commanding, 3, "files that are missing, not readable, links")

	const valid = "notation-go TestValidateValidPolicyDocument"
	for i, edit := range []func(*statement){
		func(*statement) {},
		func(one *statement) { one.SignatureVerification.Level = "permissive" },
		func(one *statement) {
			one.SignatureVerification.Level, one.TrustStores, one.TrustedIdentities = "skip", nil, nil
		},
		func(one *statement) {
			one.RegistryScopes = []string{"*"}
			one.TrustStores = []string{"ca:valid-trust-store", "signingAuthority:valid-trust-store-2"}
			one.SignatureVerification.Level = "audit"
		},
		func(one *statement) { one.TrustedIdentities = []string{"*"} },
		func(one *statement) { one.SignatureVerification.VerifyTimestamp = "" },
		func(one *statement) { one.SignatureVerification.VerifyTimestamp = "always" },
		func(one *statement) { one.SignatureVerification.VerifyTimestamp = "afterCertExpiry" },
	} {
		t.policy(valid, fmt.Sprint("statement ", i+1), func(s *scenario) { edit(s.statement()) })
	}

	const core = "notation-go TestValidatePolicyCore"
	for _, row := range []struct {
		name, level        string
		stores, identities []string
	}{
		{"valid", "strict", []string{"ca:valid-ts"}, []string{"*"}},
		{"skip", "skip", nil, nil},
		{"skip with a trust store", "skip", []string{"ca:valid-ts"}, nil},
		{"skip with a trusted identity", "skip", nil, []string{"x509:zoop"}},
		{"no level", "", []string{"ca:valid-ts"}, []string{"*"}},
		{"neither trust store nor trusted identity", "strict", nil, nil},
		{"no trusted identity", "strict", []string{"ca:valid-ts"}, nil},
		{"trust store type", "strict", []string{"hola:valid-ts"}, []string{"hola"}},
		{"trusted identity without separator", "strict", []string{"ca:valid-ts"}, []string{"x509.subject"}},
	} {
		t.policy(core, row.name, func(s *scenario) {
			s.statement().SignatureVerification.Level = row.level
			s.statement().TrustStores, s.statement().TrustedIdentities = row.stores, row.identities
		})
	}
	t.not(core, twice, "no name")
	for _, store := range []string{"ca:my-ts", "", "unknown:my-ts", "ca:#@$@$"} {
		t.policy("notation-go TestValidateTrustStore", fmt.Sprintf("%q", store), func(s *scenario) { s.statement().TrustStores = []string{store} })
	}
	for _, list := range [][]string{
		{"*", "C=US, ST=WA, O=wabbit-network.io"},
		{""},
		{"C=US, ST=WA, O=wabbit-network.io, OU=org1"},
		{"unknown:my-trusted-identity"},
		{"x509.subject:,,,"},
		{"x509.subject:"},
		{"x509.subject:C=US,C=IN"},
		{"x509.subject:C=US,ST=WA"},
		{"x509.subject:C=US,ST=WA,O=MyOrg,CustomRDN=CustomValue"},
		{"x509.subject:C=US,ST=WA,O=MyOrg", "x509.subject:C=US,ST=WA,O=  My.  Org", "x509.subject:C=US,ST=WA,O=My \"special\" Org \\, \\; \\\\ others"},
		{"x509.subject:C=US,ST=WA,O=MyOrg", "x509.subject:C=US,ST=WA,O=MyOrg,X=Y"},
		{"x509.subject:C=US+ST=WA,O=MyOrg"},
	} {
		t.policy("notation-go TestValidateTrustedIdentities", strings.Join(list, " and "), func(s *scenario) { s.statement().TrustedIdentities = list })
	}
}

// oci_test.go, verifier_test.go: which repositories a statement is for
func scopes(t *tables) {
	for _, one := range []string{"*", "example.com/rep", "example.com:8080/rep/rep2", "example.com/rep/subrep/subsub", "10.10.10.10:8080/rep/rep2", "domain/rep", "domain:1234/rep"} {
		t.policy("notation-go TestValidRegistryScopes", one, func(s *scenario) { s.statement().RegistryScopes = []string{one} })
	}
	for _, one := range []string{
		"", "1:1", "a,b", "abcd", "1111", "1,2", "example.com/rep:tag", "example.com/rep/subrep/sub:latest", "example.com",
		"rep/rep2:latest", "repository", "10.10.10.10", "10.10.10.10:8080/rep/rep2:latest",
		"example.com/*", "*/", "example*/", "ex*test",
	} {
		t.policy("notation-go TestInvalidRegistryScopes", fmt.Sprintf("%q", one), func(s *scenario) { s.statement().RegistryScopes = []string{one} })
	}
	const applicable = "notation-go TestApplicableTrustPolicy"
	digest := "@" + describe(manifestType, []byte(image)).Digest
	wildcard := statement{Name: "test-statement-name-2", RegistryScopes: []string{"*"}, SignatureVerification: verification{Level: "skip"}}
	choose := func(row, reference string, edit func(*scenario)) {
		t.each(applicable, row, func(s *scenario) {
			s.reference = reference
			edit(s)
		})
	}
	// A signature of a stranger tells the statements apart: strict refuses it, skip does not look.
	choose("of the scope", scope+digest, func(*scenario) {})
	choose("of no scope", "non.existing.scope/repo"+digest, func(*scenario) {})
	for _, named := range []string{scope, "some.registry.that/has.no.policy"} {
		choose("wildcard beside, "+named, named+digest, func(s *scenario) {
			s.document.TrustPolicies = append(s.document.TrustPolicies, wildcard)
			s.trust(root(chain(plan{size: 3, keys: stranger})))
		})
		choose("wildcard before, "+named, named+digest, func(s *scenario) {
			s.document.TrustPolicies = append([]statement{wildcard}, s.document.TrustPolicies...)
			s.trust(root(chain(plan{size: 3, keys: stranger})))
		})
	}
	for _, uri := range []string{
		"", "invaliduri", "domain.com/repository@sha256:", "domain.com/repository@sha256", "domain.com/repository@",
		"domain.com/repository", "domain.com/repositorysha256:digest", "domain.com/repositorysha256digest", "repository@sha256:digest",
	} {
		t.one("notation-go TestInvalidArtifactUriValidations", fmt.Sprintf("%q", uri), "jws", func(s *scenario) { s.reference = uri })
	}
}

// registry/repository_test.go, also of what came after 1.3.2
func registries(t *tables) {
	const referrers = "notation-go TestSignatureReferrers"
	host := func(table, row string, edit func(s *scenario, h *hosted, target, layer ocispec.Descriptor)) {
		s := newScenario("jws", x509Scheme)
		s.hosted = &hosted{}
		target := s.hosted.put(manifestType, s.target)
		layer := s.hosted.put("application/jose+json", s.draft.build())
		edit(s, s.hosted, target, layer)
		t.ask(table, row, "", s)
	}
	kinds := map[string]string{"artifact": artifactManifestType, "image": manifestType}
	host(referrers, "get predecessors failed", func(_ *scenario, h *hosted, _, _ ocispec.Descriptor) {
		h.ReferrersError = "failed to get predecessors"
	})
	for _, name := range []string{"artifact", "image"} {
		kind := kinds[name]
		broken := func(row string, content []byte, edit func(*hosted, *ocispec.Descriptor)) {
			host(referrers, name+" manifest "+row, func(_ *scenario, h *hosted, target, layer ocispec.Descriptor) {
				made := h.put(kind, content)
				if edit != nil {
					edit(h, &made)
				}
				made.ArtifactType = signatureType
				h.refer(made)
			})
		}
		broken("exceeds the most", []byte("{}"), func(_ *hosted, made *ocispec.Descriptor) { made.Size = 4<<20 + 1 })
		broken("cannot be fetched", []byte("{}"), func(h *hosted, made *ocispec.Descriptor) {
			h.Content[made.Digest.String()] = stored{Error: "failed to fetch"}
		})
		broken("is not JSON", []byte("invalid content"), nil)
		broken("is empty", []byte("{}"), nil)
		// The same beside a good one.
		host(referrers, name+" manifest is not JSON, beside a good one", func(_ *scenario, h *hosted, target, layer ocispec.Descriptor) {
			bad := h.put(kind, []byte("invalid content"))
			bad.ArtifactType = signatureType
			h.refer(bad)
			h.refer(typed(h.put(manifestType, manifest(target, layer, nil))))
		})
	}
	artifact := func(row string, edit func(map[string]any)) {
		host(referrers, row, func(_ *scenario, h *hosted, target, layer ocispec.Descriptor) {
			made := map[string]any{
				"mediaType": artifactManifestType, "artifactType": signatureType,
				"blobs": []ocispec.Descriptor{layer}, "subject": target,
			}
			edit(made)
			h.refer(typed(h.put(artifactManifestType, must(json.Marshal(made)))))
		})
	}
	artifact("artifact manifest", func(map[string]any) {})
	artifact("artifact manifest with invalid artifactType", func(made map[string]any) { made["artifactType"] = "invalid" })
	artifact("artifact manifest of another subject", func(made map[string]any) { made["subject"] = describe(manifestType, []byte("other")) })
	of := func(row, artifactType, configType string, edit func(map[string]any)) {
		host(referrers, row, func(_ *scenario, h *hosted, target, layer ocispec.Descriptor) {
			made := h.put(manifestType, manifest(target, layer, func(made map[string]any) {
				if artifactType != "" {
					made["artifactType"] = artifactType
				}
				made["config"] = describe(configType, []byte("{}"))
				if edit != nil {
					edit(made)
				}
			}))
			// As a registry fills it in.
			made.ArtifactType = artifactType
			if artifactType == "" {
				made.ArtifactType = configType
			}
			h.refer(made)
		})
	}
	const empty = "application/vnd.oci.empty.v1+json"
	of("image manifest with no artifactType and valid config.mediaType", "", signatureType, nil)
	of("image manifest with no artifactType and invalid config.mediaType", "", "invalid/type", nil)
	of("image manifest with valid artifactType and config.mediaType", signatureType, empty, nil)
	of("image manifest with valid artifactType but invalid config.mediaType", signatureType, "invalid/type", nil)
	of("image manifest with invalid artifactType", "invalid/type", empty, nil)
	of("image manifest of another subject", "", signatureType, func(made map[string]any) { made["subject"] = describe(manifestType, []byte("other")) })
	of("image manifest with invalid mediaType", "", signatureType, func(made map[string]any) { made["mediaType"] = "invalid/type" })

	const fetch = "notation-go TestFetchSignatureBlob"
	layers := func(row string, edit func(h *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor) {
		host(fetch, row, func(_ *scenario, h *hosted, target, layer ocispec.Descriptor) {
			list := edit(h, &layer)
			h.refer(typed(h.put(manifestType, manifest(target, layer, func(made map[string]any) { made["layers"] = list }))))
		})
	}
	layers("one", func(_ *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor { return []ocispec.Descriptor{*layer} })
	layers("none", func(*hosted, *ocispec.Descriptor) []ocispec.Descriptor { return []ocispec.Descriptor{} })
	layers("two", func(_ *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor {
		return []ocispec.Descriptor{*layer, *layer}
	})
	layers("failed to resolve", func(h *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor {
		h.Content[layer.Digest.String()] = stored{Error: "failed to fetch"}
		return []ocispec.Descriptor{*layer}
	})
	layers("exceeds the most", func(_ *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor {
		layer.Size = 32<<20 + 1
		return []ocispec.Descriptor{*layer}
	})
	layers("another size", func(_ *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor {
		layer.Size++
		return []ocispec.Descriptor{*layer}
	})
	layers("other bytes", func(h *hosted, layer *ocispec.Descriptor) []ocispec.Descriptor {
		kept := h.Content[layer.Digest.String()]
		h.Content[layer.Digest.String()] = stored{Bytes: append([]byte(" "), kept.Bytes[1:]...)}
		return []ocispec.Descriptor{*layer}
	})
	host(fetch, "none at all", func(*scenario, *hosted, ocispec.Descriptor, ocispec.Descriptor) {})
}

func typed(made ocispec.Descriptor) ocispec.Descriptor {
	made.ArtifactType = signatureType
	return made
}
