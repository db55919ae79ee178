package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Largest manifest that is read, as registries must take it.
const maxManifest = 4 << 20

var errAbsent = errors.New("not there")

// source is where content is read from: a layout or a repository.
type source interface {
	tags() (map[string]string, error) // the digest of each
	manifest(digest string) (manifest, error)
	blob(digest string) ([]byte, error)
	// referrers are the digests of what names this one as its subject.
	referrers(digest string) ([]string, error)
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// manifest is any kind of manifest: what one kind lacks is empty.
type manifest struct {
	bytes     []byte
	mediaType string

	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Blobs     []descriptor `json:"blobs"`
	Manifests []descriptor `json:"manifests"`
	Subject   *descriptor  `json:"subject"`
}

func parse(bytes []byte, mediaType, digest string) (manifest, error) {
	found := manifest{bytes: bytes, mediaType: mediaType}
	if sum := digestOf(bytes); sum != digest {
		return found, fmt.Errorf("%s has the digest %s", digest, sum)
	}
	if err := json.Unmarshal(bytes, &found); err != nil {
		return found, fmt.Errorf("%s: %w", digest, err)
	}
	return found, nil
}

// content are the digests of its configuration, layers and other blobs.
func (m manifest) content() []string {
	var all []string
	if m.Config != nil {
		all = append(all, m.Config.Digest)
	}
	for _, one := range append(m.Layers, m.Blobs...) {
		all = append(all, one.Digest)
	}
	return all
}

func digestOf(bytes []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(bytes)) }

func fallbackTag(digest string) string { return strings.Replace(digest, ":", "-", 1) }

func isFallbackTag(tag string) bool {
	value, found := strings.CutPrefix(tag, "sha256-")
	return found && len(value) == 64 && strings.Trim(value, "0123456789abcdef") == ""
}

// layout is an OCI layout, read whole.
type layout struct {
	directory string
	index     []descriptor
}

func openLayout(directory string) (source, error) {
	text, err := os.ReadFile(filepath.Join(directory, "index.json"))
	if err != nil {
		return nil, err
	}
	var index manifest
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, err
	}
	return layout{directory, index.Manifests}, nil
}

func (l layout) tags() (map[string]string, error) {
	tags := map[string]string{}
	for _, one := range l.index {
		if tag := one.Annotations["org.opencontainers.image.ref.name"]; tag != "" {
			tags[tag] = one.Digest
		}
	}
	return tags, nil
}

func (l layout) manifest(digest string) (manifest, error) {
	bytes, err := l.blob(digest)
	if err != nil {
		return manifest{}, err
	}
	mediaType := ""
	for _, one := range l.index {
		if one.Digest == digest {
			mediaType = one.MediaType
		}
	}
	found, err := parse(bytes, mediaType, digest)
	if mediaType == "" {
		found.mediaType = found.MediaType
	}
	return found, err
}

func (l layout) blob(digest string) ([]byte, error) {
	algorithm, value, _ := strings.Cut(digest, ":")
	bytes, err := os.ReadFile(filepath.Join(l.directory, "blobs", algorithm, value))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errAbsent
	}
	return bytes, err
}

func (l layout) referrers(digest string) ([]string, error) {
	var found []string
	for _, one := range l.index {
		if m, err := l.manifest(one.Digest); err == nil && m.Subject != nil && m.Subject.Digest == digest {
			found = append(found, one.Digest)
		}
	}
	return found, nil
}
