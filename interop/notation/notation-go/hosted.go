package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
)

const (
	artifactManifestType = "application/vnd.oci.artifact.manifest.v1+json"
	signatureType        = "application/vnd.cncf.notary.signature"
)

// hosted is what a registry has beside the target.
type hosted struct {
	Referrers      []ocispec.Descriptor `json:"referrers"`
	ReferrersError string               `json:"referrersError,omitempty"`
	Content        map[string]stored    `json:"content,omitempty"`
}

type stored struct {
	Bytes []byte `json:"bytes,omitempty"`
	Error string `json:"error,omitempty"`
}

func (h *hosted) put(mediaType string, content []byte) ocispec.Descriptor {
	if h.Content == nil {
		h.Content = map[string]stored{}
	}
	made := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	h.Content[made.Digest.String()] = stored{Bytes: content}
	return made
}

func (h *hosted) refer(made ocispec.Descriptor) { h.Referrers = append(h.Referrers, made) }

// manifest of a signature, in which everything can be changed.
func manifest(subject, layer ocispec.Descriptor, edit func(map[string]any)) []byte {
	made := map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        describe(signatureType, []byte("{}")),
		"layers":        []ocispec.Descriptor{layer},
		"subject":       subject,
	}
	if edit != nil {
		edit(made)
	}
	return must(json.Marshal(made))
}

func (h *hosted) judge(judge notation.Verifier, w written) answer {
	target := ocispec.Descriptor{MediaType: w.MediaType, Digest: digest.FromBytes(w.Target), Size: int64(len(w.Target))}
	_, outcomes, err := notation.Verify(context.Background(), judge, registry.NewRepository(graph{h, target}), notation.VerifyOptions{
		ArtifactReference:    w.Reference,
		MaxSignatureAttempts: 50,
	})
	if err == nil {
		return told(outcomes[0], nil)
	}
	var failed notation.ErrorVerificationFailed
	var none notation.ErrorSignatureRetrievalFailed
	switch {
	case errors.As(err, &failed):
		return fail("verification", err)
	case errors.As(err, &none) && bytes.HasPrefix([]byte(none.Msg), []byte("no signature is associated")):
		return fail("none", err)
	}
	return fail("retrieval", err)
}

// graph is the registry as oras sees it.
type graph struct {
	*hosted
	target ocispec.Descriptor
}

func (g graph) Resolve(context.Context, string) (ocispec.Descriptor, error) { return g.target, nil }

func (g graph) Predecessors(context.Context, ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if g.ReferrersError != "" {
		return nil, errors.New(g.ReferrersError)
	}
	return g.Referrers, nil
}

func (g graph) Fetch(_ context.Context, wanted ocispec.Descriptor) (io.ReadCloser, error) {
	found, known := g.Content[wanted.Digest.String()]
	switch {
	case !known:
		return nil, errdef.ErrNotFound
	case found.Error != "":
		return nil, errors.New(found.Error)
	}
	return io.NopCloser(bytes.NewReader(found.Bytes)), nil
}

func (g graph) Exists(_ context.Context, wanted ocispec.Descriptor) (bool, error) {
	_, known := g.Content[wanted.Digest.String()]
	return known, nil
}

func (g graph) Push(context.Context, ocispec.Descriptor, io.Reader) error {
	return errdef.ErrUnsupported
}

func (g graph) Tag(context.Context, ocispec.Descriptor, string) error { return errdef.ErrUnsupported }
