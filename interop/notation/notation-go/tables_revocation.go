package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// revocation/internal/ocsp/ocsp_test.go, revocation/ocsp/ocsp_test.go, revocation/revocation_test.go
func responses(t *tables) {
	const good, bad, unknown = ocsp.Good, ocsp.Revoked, ocsp.Unknown
	// By a signing authority, whose time counts; one status for each certificate, the last for the rest.
	chainOf := func(table, row string, size int, signed time.Time, invalid time.Time, statuses ...int) {
		for _, format := range []string{"jws", "cose"} {
			scheme := saScheme
			if signed.IsZero() {
				scheme = x509Scheme
			}
			s := newScenario(format, scheme)
			s.by(revokable(size, true, false))
			if !signed.IsZero() {
				s.draft.set(attrAuthenticTime, signed)
			}
			for i := range size - 1 {
				edits := []func(*ocsp.Response){noCheck}
				status := statuses[min(i, len(statuses)-1)]
				if status == bad && !invalid.IsZero() {
					edits = append(edits, invalidSince(invalid))
				}
				s.web[responderURL(i)] = reply{Body: response(s.chain[i], s.chain[i+1], status, edits...)}
			}
			t.ask(table, row, format, s)
		}
	}
	never := time.Time{}
	const single = "notation-core-go OCSP of one certificate"
	chainOf(single, "check non-revoked cert", 2, signedAt, never, good)
	chainOf(single, "check cert with Unknown OCSP response", 2, signedAt, never, unknown)
	chainOf(single, "check OCSP revoked cert", 2, signedAt, never, bad)
	chainOf(single, "check OCSP future revoked cert", 2, signedAt, afterSigned, bad)
	t.each(single, "certificate doesn't support OCSP", func(*scenario) {})
	t.each(single, "self-signed", func(s *scenario) {
		s.by(edited(1, 0, func(template *x509.Certificate) { template.OCSPServer = []string{responderURL(0)} }))
	})
	t.not(single, twice, "TestCheckStatus of revocation/ocsp", "TestCheckStatusForRootCert", "TestCheckStatusForNonSelfSignedSingleCert", "TestCheckRevocationStatusForRootCert")
	t.notMany(single, twice, 4, "TestCheckRevocationStatusForSingleCert")

	const server = "notation-core-go OCSP servers"
	t.not(server, arguments, "ocsp request roundtrip failed")
	t.notMany(server, arguments, 2, "PostRequest")
	serve := func(row string, urls []string, replies func(s *scenario, good []byte)) {
		t.each(server, row, func(s *scenario) {
			s.by(edited(2, 0, func(template *x509.Certificate) { template.OCSPServer = urls }))
			replies(s, response(s.chain[0], s.chain[1], good))
		})
	}
	one := []string{responderURL(0)}
	two := []string{responderURL(0), responderURL(1)}
	serve("server url is not http", []string{"https://localhost.test"}, func(*scenario, []byte) {})
	serve("server url is not http: ldap", []string{"ldap://ds.localhost.test:123/chain_ocsp/0"}, func(*scenario, []byte) {})
	serve("request error", one, func(s *scenario, _ []byte) { s.web[one[0]] = reply{Error: "failed to execute request"} })
	serve("timeout", one, func(s *scenario, _ []byte) { s.web[one[0]] = reply{Error: "test timeout"} })
	serve("ocsp expired", one, func(s *scenario, _ []byte) {
		s.web[one[0]] = reply{Body: response(s.chain[0], s.chain[1], good, func(r *ocsp.Response) { r.NextUpdate = revokedAt })}
	})
	serve("http response status is not 200", one, func(s *scenario, _ []byte) { s.web[one[0]] = reply{Status: 404} })
	serve("http response status is not 200: 500 with a good body", one, func(s *scenario, good []byte) { s.web[one[0]] = reply{Status: 500, Body: good} })
	serve("garbage", one, func(s *scenario, _ []byte) { s.web[one[0]] = reply{Body: []byte("garbage")} })
	serve("empty", one, func(s *scenario, _ []byte) { s.web[one[0]] = reply{Body: []byte{}} })
	for _, status := range []struct {
		name string
		body []byte
	}{
		{"unauthorized", ocsp.UnauthorizedErrorResponse}, {"malformed", ocsp.MalformedRequestErrorResponse},
		{"internal error", ocsp.InternalErrorErrorResponse}, {"try later", ocsp.TryLaterErrorResponse},
		{"signature required", ocsp.SigRequredErrorResponse},
	} {
		serve("OCSP "+status.name, one, func(s *scenario, _ []byte) { s.web[one[0]] = reply{Body: status.body} })
	}
	serve("the second server answers", two, func(s *scenario, good []byte) {
		s.web[two[0]] = reply{Error: "failed to execute request"}
		s.web[two[1]] = reply{Body: good}
	})
	serve("the first server answers", two, func(s *scenario, good []byte) {
		s.web[two[0]] = reply{Body: good}
		s.web[two[1]] = reply{Error: "failed to execute request"}
	})
	serve("the first server does not know", two, func(s *scenario, good []byte) {
		s.web[two[0]] = reply{Body: response(s.chain[0], s.chain[1], unknown)}
		s.web[two[1]] = reply{Body: good}
	})
	serve("the first server is expired, the second says revoked", two, func(s *scenario, _ []byte) {
		s.web[two[0]] = reply{Body: response(s.chain[0], s.chain[1], good, func(r *ocsp.Response) { r.NextUpdate = revokedAt })}
		s.web[two[1]] = reply{Body: response(s.chain[0], s.chain[1], bad)}
	})
	serve("the first server is not http", []string{"https://localhost.test", responderURL(1)}, func(s *scenario, good []byte) {
		s.web[responderURL(1)] = reply{Body: good}
	})
	serve("of another certificate", one, func(s *scenario, _ []byte) {
		s.web[one[0]] = reply{Body: response(s.chain[0], s.chain[1], good, func(r *ocsp.Response) { r.SerialNumber = big.NewInt(7) })}
	})
	serve("signed by another key", one, func(s *scenario, _ []byte) {
		s.web[one[0]] = reply{Body: response(s.chain[0], &entity{s.chain[1].cert, p256("another")}, good)}
	})
	for _, row := range []struct {
		name  string
		edits []func(*x509.Certificate)
	}{
		{"delegated", nil},
		{"delegated without the purpose", []func(*x509.Certificate){func(template *x509.Certificate) { template.ExtKeyUsage = nil }}},
		{"delegated and expired", []func(*x509.Certificate){func(template *x509.Certificate) { template.NotAfter = longPast }}},
	} {
		serve(row.name, one, func(s *scenario, _ []byte) {
			s.web[one[0]] = reply{Body: delegated(s.chain[0], s.chain[1], responder(s.chain[1], row.edits...), good)}
		})
	}
	serve("delegated by another authority", one, func(s *scenario, _ []byte) {
		other := chain(plan{size: 2, keys: stranger})
		s.web[one[0]] = reply{Body: delegated(s.chain[0], s.chain[1], responder(other[1]), good)}
	})

	const chains = "notation-core-go OCSP of a chain"
	chainOf(chains, "check non-revoked chain", 6, signedAt, never, good)
	chainOf(chains, "check chain with 1 Unknown cert", 6, signedAt, never, good, good, unknown, good)
	chainOf(chains, "check OCSP with 1 revoked cert", 6, signedAt, never, good, good, bad, good)
	chainOf(chains, "check OCSP with 1 unknown and 1 revoked cert", 6, signedAt, never, good, good, unknown, good, bad)
	chainOf(chains, "check OCSP with 1 future revoked cert", 6, signedAt, afterSigned, good, good, bad, good)
	chainOf(chains, "check OCSP with 1 unknown and 1 future revoked cert", 6, signedAt, afterSigned, good, good, unknown, good, bad)
	chainOf(chains, "check OCSP with 1 revoked cert before signing time", 6, signedAt, beforeSigned, good, good, bad, good)
	chainOf(chains, "check OCSP with 1 revoked cert after zero signing time", 6, never, afterSigned, good, good, bad, good)
	t.not(chains, arguments, "empty chain")
	t.notMany(chains, arguments, 4, "purpose of the chain")
	t.notMany(chains, arguments, 6, "New, NewWithOptions, panics")
	t.not(chains, twice, "no OCSPServer specified", "timeout", "expired ocsp response", "non-HTTP URI error")
	t.notMany(chains, twice, 8, "TestCheckStatusForChain of revocation/ocsp")
	chainOf(chains, "pkixNoCheck missing", 3, signedAt, never, good)
	shown := func(row string, made []*entity, positions ...int) {
		t.each(chains, row, func(s *scenario) {
			s.by(made)
			var der [][]byte
			for _, position := range positions {
				der = append(der, made[position].cert.Raw)
			}
			s.draft.chain(der...)
			s.draft.key = made[positions[0]].key
		})
	}
	shown("chain missing root", revokable(3, true, false), 0, 1)
	shown("backwards chain", revokable(3, true, false), 2, 1, 0)
	shown("chain missing intermediate", revokable(4, true, false), 0, 2, 3)
	shown("chain out of order", revokable(4, true, false), 1, 0, 2, 3)
	same := chain(plan{size: 4, keys: func(int) crypto.Signer { return p256("one for all") }})
	shown("chain missing intermediate, one key for all", same, 0, 2, 3)

	const stampers = "notation-core-go OCSP of a timestamping chain"
	t.not(stampers, arguments, "invalid revocation purpose", "empty chain")
	for _, row := range []struct {
		name     string
		statuses []int
		invalid  time.Time
	}{
		{"check non-revoked chain", []int{good}, never},
		{"check chain with 1 Unknown cert", []int{good, good, unknown, good}, never},
		{"check OCSP with 1 revoked cert", []int{good, good, bad, good}, never},
		{"check OCSP with 1 unknown and 1 revoked cert", []int{good, good, unknown, good, bad}, never},
		{"check OCSP with 1 future revoked cert", []int{good, good, bad, good}, afterSigned},
		{"check OCSP with 1 unknown and 1 future revoked cert", []int{good, good, unknown, good, bad}, afterSigned},
		{"check OCSP with 1 revoked cert before signing time", []int{good, good, bad, good}, beforeSigned},
	} {
		t.each(stampers, row.name, func(s *scenario) {
			made := stamping(6, func(i int, template *x509.Certificate) {
				if i < 5 {
					template.OCSPServer = []string{responderURL(i)}
				}
			})
			for i := range 5 {
				status := row.statuses[min(i, len(row.statuses)-1)]
				var edits []func(*ocsp.Response)
				if status == bad && !row.invalid.IsZero() {
					edits = append(edits, invalidSince(row.invalid))
				}
				s.web[responderURL(i)] = reply{Body: response(made[i], made[i+1], status, edits...)}
			}
			by := newStamp(made)
			by.embedded = made[:5]
			s.stamped(by)
		})
	}
	t.not(stampers, twice, "check OCSP with 1 revoked cert after zero signing time")
}

// revocation/internal/crl/crl_test.go, revocation/crl/fetcher_test.go, TestCRL of revocation_test.go
func lists(t *tables) {
	// One CRL of the leaf's issuer; by a signing authority, whose time counts.
	listed := func(table, row string, signed time.Time, make func(s *scenario)) {
		for _, format := range []string{"jws", "cose"} {
			scheme := saScheme
			if signed.IsZero() {
				scheme = x509Scheme
			}
			s := newScenario(format, scheme)
			s.by(revokable(2, false, true))
			if !signed.IsZero() {
				s.draft.set(attrAuthenticTime, signed)
			}
			make(s)
			t.ask(table, row, format, s)
		}
	}
	on := func(make func(s *scenario) *list) func(*scenario) {
		return func(s *scenario) { s.web[crlURL(0)] = reply{Body: make(s).make()} }
	}
	bare := func(s *scenario, entries ...entry) *list { return newList(s.chain[1], entries...) }
	never := time.Time{}

	const status = "notation-core-go CRL CertCheckStatus"
	t.each(status, "certificate does not have CRLDistributionPoints", func(*scenario) {})
	t.not(status, arguments, "fetcher is nil")
	t.notMany(status, arguments, 2, "TestSupported")
	t.notMany(status, caching, 3, "invalid stale CRL cache")
	listed(status, "download error", signedAt, func(s *scenario) { s.web[crlURL(0)] = reply{Error: "error"} })
	listed(status, "CRL validate failed", signedAt, on(func(s *scenario) *list {
		l := newList(chain(plan{size: 2, keys: stranger})[1])
		l.next = revokedAt
		return l
	}))
	listed(status, "revoked", signedAt, on(func(s *scenario) *list { return bare(s, revoked(s.chain[0])) }))
	critical := []pkix.Extension{{Id: oidUnknown, Critical: true, Value: asn1.NullBytes}}
	harmless := []pkix.Extension{{Id: oidUnknown, Value: asn1.NullBytes}}
	with := func(one entry, extensions []pkix.Extension) entry {
		one.extensions = extensions
		return one
	}
	listed(status, "unknown critical extension", signedAt, on(func(s *scenario) *list { return bare(s, with(revoked(s.chain[0]), critical)) }))
	listed(status, "not revoked", signedAt, on(func(s *scenario) *list { return bare(s) }))
	for _, base := range []bool{false, true} {
		listed(status, fmt.Sprintf("freshest CRL from certificate extension, from the CRL: %v", base), signedAt, func(s *scenario) {
			scheme := s.draft
			s.by(revokable(2, false, true, func(i int, template *x509.Certificate) {
				if i == 0 {
					extension(template, oidFreshestCRL, false, points(crlURL(7)))
				}
			}))
			s.draft.protected = scheme.protected
			l := bare(s)
			if base {
				l = l.with(oidFreshestCRL, false, points(crlURL(7)))
			}
			s.web[crlURL(0)] = reply{Body: l.make()}
			delta := bare(s).delta(20240720)
			delta.number++
			s.web[crlURL(7)] = reply{Body: delta.make()}
		})
	}

	const validate = "notation-core-go CRL validate"
	listed(validate, "expired CRL", signedAt, on(func(s *scenario) *list {
		l := bare(s)
		l.next = revokedAt
		return l
	}))
	listed(validate, "expired CRL that lists it", signedAt, on(func(s *scenario) *list {
		l := bare(s, revoked(s.chain[0]))
		l.next = revokedAt
		return l
	}))
	listed(validate, "no NextUpdate", signedAt, on(func(s *scenario) *list {
		l := bare(s)
		l.next = time.Time{}
		return l
	}))
	listed(validate, "check signature failed", signedAt, on(func(s *scenario) *list {
		return newList(&entity{s.chain[1].cert, p256("another")})
	}))
	listed(validate, "unsupported CRL critical extensions", signedAt, on(func(s *scenario) *list {
		return bare(s).with(oidUnknown, true, asn1.NullBytes)
	}))
	listed(validate, "unsupported CRL extensions", signedAt, on(func(s *scenario) *list {
		return bare(s).with(oidUnknown, false, asn1.NullBytes)
	}))
	listed(validate, "issuing distribution point extension exists", signedAt, on(func(s *scenario) *list {
		return bare(s).with(oidIssuingPoint, true, sequence(explicit(0, explicit(0, implicit(6, []byte(crlURL(0)))))))
	}))
	listed(validate, "issuing distribution point extension is empty", signedAt, on(func(s *scenario) *list {
		return bare(s).with(oidIssuingPoint, true, nil)
	}))
	// A delta that the base names.
	delta := func(table, row string, signed time.Time, base func(s *scenario) *list, make func(s *scenario) *list) {
		listed(table, row, signed, func(s *scenario) {
			l := bare(s)
			if base != nil {
				l = base(s)
			}
			s.web[crlURL(0)] = reply{Body: l.with(oidFreshestCRL, false, points(crlURL(7))).make()}
			d := make(s)
			d.number++
			s.web[crlURL(7)] = reply{Body: d.make()}
		})
	}
	delta(validate, "valid crl and delta crl", signedAt, nil, func(s *scenario) *list { return bare(s).delta(20240720) })
	delta(validate, "invalid delta crl", signedAt, nil, func(s *scenario) *list {
		d := bare(s).delta(20240720)
		d.next = time.Time{}
		return d
	})
	delta(validate, "expired delta crl", signedAt, nil, func(s *scenario) *list {
		d := bare(s).delta(20240720)
		d.next = revokedAt
		return d
	})
	delta(validate, "delta crl by another key", signedAt, nil, func(s *scenario) *list {
		return newList(&entity{s.chain[1].cert, p256("another")}).delta(20240720)
	})
	for _, number := range []int64{20240718, 20240719} {
		delta(validate, fmt.Sprint("invalid delta crl number ", number+1), signedAt, nil, func(s *scenario) *list {
			d := bare(s).delta(20240720)
			d.number = number
			return d
		})
	}
	delta(validate, "delta crl without delta crl indicator", signedAt, nil, func(s *scenario) *list { return bare(s) })
	delta(validate, "delta crl minimum base crl number is greater than base crl", signedAt, nil, func(s *scenario) *list {
		d := bare(s).delta(20240721)
		d.number++
		return d
	})
	delta(validate, "delta crl minimum base crl number is less than base crl", signedAt, nil, func(s *scenario) *list { return bare(s).delta(20240719) })
	delta(validate, "delta crl with invalid delta indicator extension", signedAt, nil, func(s *scenario) *list {
		return bare(s).with(oidDeltaIndicator, true, []byte("invalid"))
	})

	const check = "notation-core-go CRL checkRevocation"
	t.not(check, arguments, "certificate is nil", "bundle is nil", "CRL is nil")
	reason := func(one entry, reason int, at time.Time) entry {
		one.reason, one.at = reason, at
		return one
	}
	another := func() entry { return entry{serial: big.NewInt(7), at: revokedAt} }
	listed(check, "not revoked", signedAt, on(func(s *scenario) *list { return bare(s, another()) }))
	listed(check, "revoked", signedAt, on(func(s *scenario) *list { return bare(s, another(), revoked(s.chain[0])) }))
	delta(check, "revoked in delta CRL", signedAt, nil, func(s *scenario) *list { return bare(s, revoked(s.chain[0])).delta(20240720) })
	since := func(at time.Time) []pkix.Extension {
		return []pkix.Extension{{Id: oidInvalidityDate, Value: generalized(at)}}
	}
	listed(check, "revoked but signing time is before invalidityDate", signedAt, on(func(s *scenario) *list { return bare(s, with(revoked(s.chain[0]), since(afterSigned))) }))
	listed(check, "revoked; signing time is after invalidityDate", signedAt, on(func(s *scenario) *list { return bare(s, with(revoked(s.chain[0]), since(beforeSigned))) }))
	listed(check, "revoked; signing time is invalidityDate", signedAt, on(func(s *scenario) *list { return bare(s, with(revoked(s.chain[0]), since(signedAt))) }))
	listed(check, "revoked and signing time is zero", never, on(func(s *scenario) *list { return bare(s, with(revoked(s.chain[0]), since(afterSigned))) }))
	listed(check, "revoked in the future", signedAt, on(func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), 1, future)) }))
	t.not(check, twice, "revocation entry validation error")
	listed(check, "another's entry with an unsupported critical extension", signedAt, on(func(s *scenario) *list { return bare(s, with(another(), critical)) }))
	const hold, remove = 6, 8
	hours := func(n int) time.Time { return revokedAt.Add(time.Duration(n) * time.Hour) }
	held := func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), hold, hours(1))) }
	delta(check, "delta crl with certificate hold", signedAt, nil, func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), hold, hours(1))).delta(20240720) })
	delta(check, "certificate hold and remove hold", signedAt, held, func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), remove, hours(2))).delta(20240720) })
	delta(check, "certificate hold and remove hold at the same time", signedAt, held, func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), remove, hours(1))).delta(20240720) })
	delta(check, "certificate hold and remove hold before it", signedAt, held, func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), remove, hours(0))).delta(20240720) })
	delta(check, "certificate hold and remove hold with other certificate hold", signedAt, held, func(s *scenario) *list {
		return bare(s, reason(revoked(s.chain[0]), remove, hours(2)), reason(another(), hold, hours(3))).delta(20240720)
	})
	delta(check, "certificate hold, remove hold and hold again", signedAt, held, func(s *scenario) *list {
		return bare(s, reason(revoked(s.chain[0]), remove, hours(2)), reason(revoked(s.chain[0]), hold, hours(3))).delta(20240720)
	})
	delta(check, "revoked, and removed in the delta", signedAt, func(s *scenario) *list { return bare(s, revoked(s.chain[0])) }, func(s *scenario) *list {
		return bare(s, reason(revoked(s.chain[0]), remove, hours(2))).delta(20240720)
	})
	listed(check, "removed alone", signedAt, on(func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), remove, hours(1))) }))
	for code := 1; code <= 10; code++ {
		listed(check, fmt.Sprint("reason ", code), signedAt, on(func(s *scenario) *list { return bare(s, reason(revoked(s.chain[0]), code, hours(1))) }))
	}

	const entries = "notation-core-go CRL parseEntryExtensions"
	t.not(entries, twice, "unsupported critical extension", "parse invalidityDate")
	listed(entries, "valid extension", signedAt, on(func(s *scenario) *list { return bare(s, with(revoked(s.chain[0]), harmless)) }))
	listed(entries, "parse invalidityDate with error", signedAt, on(func(s *scenario) *list {
		return bare(s, with(revoked(s.chain[0]), []pkix.Extension{{Id: oidInvalidityDate, Value: []byte{0, 1, 2, 3}}}))
	}))
	listed(entries, "invalidityDate with trailing data", signedAt, on(func(s *scenario) *list {
		return bare(s, with(revoked(s.chain[0]), []pkix.Extension{{Id: oidInvalidityDate, Value: append(generalized(afterSigned), 0)}}))
	}))

	const fetching = "notation-core-go CRL fetcher"
	freshest := func(row string, value []byte, edit func(s *scenario)) {
		listed(fetching, row, signedAt, func(s *scenario) {
			s.web[crlURL(0)] = reply{Body: bare(s).with(oidFreshestCRL, false, value).make()}
			d := bare(s).delta(20240720)
			d.number++
			s.web[crlURL(7)] = reply{Body: d.make()}
			if edit != nil {
				edit(s)
			}
		})
	}
	freshest("valid 1 delta CRL URL", points(crlURL(7)), nil)
	freshest("empty extension", nil, nil)
	freshest("URL doesn't exist", sequence(sequence()), nil)
	freshest("non URI freshest CRL extension", sequence(sequence(explicit(0, explicit(0, implicit(2, []byte("localhost.test")))))), nil)
	freshest("incomplete freshest CRL extension", sequence([]byte{0x30, 5, 0xa0}), nil)
	freshest("incomplete freshest CRL extension 2", sequence(sequence(explicit(0, explicit(0)))), nil)
	freshest("the delta cannot be fetched", points(crlURL(7)), func(s *scenario) { s.web[crlURL(7)] = reply{Error: "request failed"} })
	freshest("the second of two can be fetched", points(crlURL(6), crlURL(7)), func(s *scenario) { s.web[crlURL(6)] = reply{Error: "request failed"} })
	freshest("multiple freshest CRL URLs failed", points(crlURL(6), crlURL(7)), func(s *scenario) {
		s.web[crlURL(6)] = reply{Error: "request failed"}
		s.web[crlURL(7)] = reply{Error: "request failed"}
	})
	t.notMany(fetching, caching, 9, "TestFetch")
	t.not(fetching, arguments, "httpClient is nil", "url is empty", "http.NewRequestWithContext error")
	t.not(fetching, twice, "client.Do error")
	t.notMany(fetching, twice, 3, "TestFetchDeltaCRL")
	t.not(fetching, far, "exceed the size limit")
	at := func(row string, replies func(s *scenario), urls ...string) {
		t.each(fetching, row, func(s *scenario) {
			s.by(edited(2, 0, func(template *x509.Certificate) { template.CRLDistributionPoints = urls }))
			replies(s)
		})
	}
	serves := func(url string) func(*scenario) {
		return func(s *scenario) { s.web[url] = reply{Body: bare(s).make()} }
	}
	at("parse url error", func(*scenario) {}, ":")
	at("https download", serves("https://localhost.test"), "https://localhost.test")
	at("status code is not 2xx", func(s *scenario) { s.web[crlURL(0)] = reply{Status: 500, Body: bare(s).make()} }, crlURL(0))
	at("invalid crl", func(s *scenario) { s.web[crlURL(0)] = reply{Body: []byte("invalid crl")} }, crlURL(0))
	at("cut short", func(s *scenario) {
		body := bare(s).make()
		s.web[crlURL(0)] = reply{Body: body[:len(body)-1]}
	}, crlURL(0))
	at("something after it", func(s *scenario) { s.web[crlURL(0)] = reply{Body: append(bytes.Clone(bare(s).make()), 0)} }, crlURL(0))
	at("two, both good", func(s *scenario) {
		serves(crlURL(0))(s)
		serves(crlURL(1))(s)
	}, crlURL(0), crlURL(1))
	at("two, the first cannot be fetched", func(s *scenario) {
		serves(crlURL(1))(s)
		s.web[crlURL(0)] = reply{Error: "error"}
	}, crlURL(0), crlURL(1))
	at("two, the second lists it", func(s *scenario) {
		serves(crlURL(0))(s)
		s.web[crlURL(1)] = reply{Body: bare(s, revoked(s.chain[0])).make()}
	}, crlURL(0), crlURL(1))
	at("two, the first cannot be fetched and the second lists it", func(s *scenario) {
		s.web[crlURL(0)] = reply{Error: "error"}
		s.web[crlURL(1)] = reply{Body: bare(s, revoked(s.chain[0])).make()}
	}, crlURL(0), crlURL(1))

	const whole = "notation-core-go TestCRL"
	for _, row := range []struct {
		name            string
		ocsp, isRevoked bool
	}{{"CRL check valid", false, false}, {"CRL check with revoked status", false, true}, {"OCSP fallback to CRL", true, true}, {"OCSP fallback to a valid CRL", true, false}} {
		t.each(whole, row.name, func(s *scenario) {
			s.by(revokable(3, row.ocsp, true))
			for i := range 2 {
				s.web[responderURL(i)] = reply{Status: 500}
				l := newList(s.chain[i+1])
				if row.isRevoked {
					l.entries = []entry{revoked(s.chain[i])}
				}
				s.web[crlURL(i)] = reply{Body: l.make()}
			}
		})
	}
}
