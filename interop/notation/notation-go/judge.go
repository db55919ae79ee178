package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/notaryproject/notation-core-go/revocation"
	"github.com/notaryproject/notation-core-go/revocation/crl"
	"github.com/notaryproject/notation-core-go/revocation/purpose"
	_ "github.com/notaryproject/notation-core-go/signature/cose"
	_ "github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// answer is what notation-go says.
type answer struct {
	Pass bool `json:"pass"`
	// Checks that failed, in its order; the last one, where it does not pass, is why.
	Failed []failure `json:"failed,omitempty"`
	// OCSP requests by address, as they went over the wire.
	Requests map[string][]byte `json:"requests,omitempty"`
}

type failure struct {
	// Its five validations; and `document`, `policy`, `plugin`, `descriptor`, `metadata`, `retrieval`,
	// `none`.
	Check  string `json:"check"`
	Logged bool   `json:"logged,omitempty"`
	// Of revocation: `revoked` or `unknown`, and whose certificate.
	Status  string `json:"status,omitempty"`
	Subject string `json:"subject,omitempty"`
	Error   string `json:"error"`
}

func fail(check string, err error) answer {
	return answer{Failed: []failure{{Check: check, Error: err.Error()}}}
}

func judge(w written) answer {
	var policy trustpolicy.Document
	// As trustpolicy.LoadDocument reads the file.
	if err := json.NewDecoder(strings.NewReader(w.Document)).Decode(&policy); err != nil {
		return fail("document", errors.New("malformed trust policy"))
	}
	directory := must(os.MkdirTemp("", "notation-oracle-"))
	defer os.RemoveAll(directory)
	writeStores(directory, w.Stores)
	web := &web{replies: w.Web, requests: map[string][]byte{}}
	client := &http.Client{Transport: web, Timeout: 2 * time.Second}
	judge, err := verifier.NewWithOptions(&policy, truststore.NewX509TrustStore(dir.NewSysFS(directory)), nil, verifier.VerifierOptions{
		RevocationCodeSigningValidator:  validator(client, purpose.CodeSigning),
		RevocationTimestampingValidator: validator(client, purpose.Timestamping),
	})
	if err != nil {
		return fail("document", err)
	}
	if w.Only {
		return answer{Pass: true}
	}
	if w.Hosted != nil {
		return w.Hosted.judge(judge, w)
	}
	target := ocispec.Descriptor{MediaType: w.MediaType, Digest: digest.FromBytes(w.Target), Size: int64(len(w.Target))}
	if w.BlobDigest != "" {
		target.Digest = digest.Digest(w.BlobDigest)
	}
	outcome, err := judge.Verify(context.Background(), target, w.Envelope, notation.VerifierVerifyOptions{
		ArtifactReference:  w.Reference,
		SignatureMediaType: w.Layer,
		UserMetadata:       w.Metadata,
	})
	found := told(outcome, err)
	found.Requests = web.requests
	return found
}

// told reads an outcome.
func told(outcome *notation.VerificationOutcome, err error) answer {
	found := answer{Pass: err == nil}
	fatal := false
	if outcome != nil {
		for _, result := range outcome.VerificationResults {
			if result.Error == nil {
				continue
			}
			logged := result.Action == trustpolicy.ActionLog
			fatal = fatal || !logged
			found.Failed = append(found.Failed, described(string(result.Type), logged, result.Error))
		}
	}
	if err != nil && !fatal {
		found.Failed = append(found.Failed, described(elsewhere(err), false, err))
	}
	return found
}

// elsewhere says what failed that is none of the five validations.
func elsewhere(err error) string {
	var inconclusive notation.ErrorVerificationInconclusive
	var none notation.ErrorNoApplicableTrustPolicy
	var metadata notation.ErrorUserMetadataVerificationFailed
	switch {
	case errors.As(err, &none):
		return "policy"
	case errors.As(err, &metadata):
		return "metadata"
	case errors.As(err, &inconclusive), strings.Contains(err.Error(), "xtended attribute"):
		return "plugin"
	}
	// A payload that is not the target's, or none.
	return "descriptor"
}

var revocationStatus = regexp.MustCompile(`certificate with subject "(.*)" (is revoked|revocation status is unknown)$`)

func described(check string, logged bool, err error) failure {
	found := failure{Check: check, Logged: logged, Error: err.Error()}
	if match := revocationStatus.FindStringSubmatch(err.Error()); match != nil {
		found.Subject = match[1]
		found.Status = map[bool]string{true: "revoked", false: "unknown"}[match[2] == "is revoked"]
	}
	return found
}

func validator(client *http.Client, purpose purpose.Purpose) revocation.Validator {
	return must(revocation.NewWithOptions(revocation.Options{
		OCSPHTTPClient:   client,
		CRLFetcher:       must(crl.NewHTTPFetcher(client)),
		CertChainPurpose: purpose,
	}))
}

func writeStores(directory string, stores map[string]map[string][]string) {
	for kind, named := range stores {
		for name, certs := range named {
			path := filepath.Join(directory, "truststore", "x509", kind, name)
			if err := os.MkdirAll(path, 0o700); err != nil {
				panic(err)
			}
			for i, cert := range certs {
				if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("%d.pem", i)), []byte(cert), 0o600); err != nil {
					panic(err)
				}
			}
		}
	}
}

// web is every responder and every server of CRLs.
type web struct {
	replies  map[string]reply
	lock     sync.Mutex
	requests map[string][]byte
}

func (w *web) RoundTrip(request *http.Request) (*http.Response, error) {
	address, asked := request.URL.String(), []byte(nil)
	if request.Method == http.MethodPost {
		asked = must(io.ReadAll(request.Body))
	}
	// The longest that fits: what comes after it is an OCSP request.
	known := make([]string, 0, len(w.replies))
	for url := range w.replies {
		known = append(known, url)
	}
	sort.Slice(known, func(i, j int) bool { return len(known[i]) > len(known[j]) })
	for _, one := range known {
		if address == one || address == strings.TrimSuffix(one, "/") {
			return w.answer(one, asked, request)
		}
		rest, is := strings.CutPrefix(address, strings.TrimSuffix(one, "/")+"/")
		if !is {
			continue
		}
		rest = must(url.QueryUnescape(rest))
		if der, err := base64.StdEncoding.DecodeString(rest); err == nil && len(der) > 0 {
			return w.answer(one, der, request)
		}
	}
	return nil, errors.New("no such server")
}

func (w *web) answer(address string, asked []byte, request *http.Request) (*http.Response, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if asked != nil {
		w.requests[address] = asked
	}
	reply := w.replies[address]
	if reply.Error != "" {
		return nil, errors.New(reply.Error)
	}
	status := reply.Status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{
		StatusCode: status, Request: request, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(reply.Body)),
	}, nil
}
