package main

import (
	"fmt"
	"sort"
	"strings"
)

func snapshot(place string) error {
	source, err := open(place)
	if err != nil {
		return err
	}
	tags, err := source.tags()
	if err != nil {
		return err
	}
	run := looking{source, map[string]bool{}}
	for tag, digest := range tags {
		if isFallbackTag(tag) {
			continue
		}
		run.lines["tag "+tag+" "+digest] = true
		run.manifest(digest)
	}
	var lines []string
	for line := range run.lines {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
	return nil
}

type looking struct {
	at    source
	lines map[string]bool
}

// manifest notes one and all that it leads to; what cannot be had is a line too.
func (l looking) manifest(digest string) {
	line := "manifest " + digest
	if l.lines[line] {
		return
	}
	m, err := l.at.manifest(digest)
	if err != nil {
		l.lines[line+" "+err.Error()] = true
		return
	}
	l.lines[line] = true
	l.lines["media type of "+digest+" "+m.mediaType] = true
	for _, blob := range m.content() {
		bytes, err := l.at.blob(blob)
		switch {
		case err != nil:
			l.lines["blob "+blob+" "+err.Error()] = true
		case digestOf(bytes) != blob:
			l.lines["blob "+blob+" is "+digestOf(bytes)] = true
		default:
			l.lines["blob "+blob] = true
		}
	}
	for _, child := range m.Manifests {
		l.manifest(child.Digest)
	}
	referrers, err := l.at.referrers(digest)
	if err != nil {
		l.lines["referrers of "+digest+" "+err.Error()] = true
	}
	for _, referrer := range referrers {
		l.lines["referrer of "+digest+" "+referrer] = true
		l.manifest(referrer)
	}
}
