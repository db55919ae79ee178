package main

import (
	"fmt"
	"sort"
)

func copyAll(from, to string) error {
	source, err := open(from)
	if err != nil {
		return err
	}
	target, err := openRegistry(to)
	if err != nil {
		return err
	}
	tags, err := source.tags()
	if err != nil {
		return err
	}
	run := copying{source, target.(registry), map[string]bool{}}
	for _, tag := range sorted(tags) {
		if err := run.manifest(tags[tag]); err != nil {
			return fmt.Errorf("%s: %w", tag, err)
		}
	}
	for _, tag := range sorted(tags) {
		m, err := source.manifest(tags[tag])
		if err != nil {
			return err
		}
		if err := run.to.putManifest(tag, m); err != nil {
			return err
		}
	}
	return nil
}

type copying struct {
	from source
	to   registry
	done map[string]bool
}

// manifest copies one after all that it names, and then what refers to it.
func (c copying) manifest(digest string) error {
	if c.done[digest] {
		return nil
	}
	c.done[digest] = true
	m, err := c.from.manifest(digest)
	if err != nil {
		return fmt.Errorf("%s: %w", digest, err)
	}
	for _, blob := range m.content() {
		bytes, err := c.from.blob(blob)
		if err != nil {
			return fmt.Errorf("%s: %w", blob, err)
		}
		if err := c.to.putBlob(blob, bytes); err != nil {
			return err
		}
	}
	for _, child := range m.Manifests {
		if err := c.manifest(child.Digest); err != nil {
			return err
		}
	}
	if err := c.to.putManifest(digest, m); err != nil {
		return err
	}
	referrers, err := c.from.referrers(digest)
	if err != nil {
		return err
	}
	for _, referrer := range referrers {
		if err := c.manifest(referrer); err != nil {
			return err
		}
	}
	return nil
}

func sorted(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
