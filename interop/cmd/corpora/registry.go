package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const index = "application/vnd.oci.image.index.v1+json"

var accept = strings.Join([]string{
	index,
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.artifact.manifest.v1+json",
}, ", ")

// registry is one repository.
type registry struct{ base, host string }

func openRegistry(place string) (source, error) {
	host, name, found := strings.Cut(place, "/")
	if !found || name == "" {
		return nil, fmt.Errorf("%s is not HOST:PORT/NAME", place)
	}
	return registry{"http://" + host + "/v2/" + name, "http://" + host}, nil
}

// send gives the answer if its status is one of these; errAbsent is 404.
func (r registry) send(method, where, mediaType string, body []byte, good ...int) (*http.Response, []byte, error) {
	where, err := r.absolute(where)
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequest(method, where, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", accept)
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<30))
	if err != nil {
		return nil, nil, err
	}
	for _, status := range good {
		if response.StatusCode == status {
			return response, answer, nil
		}
	}
	if response.StatusCode == http.StatusNotFound {
		return nil, nil, errAbsent
	}
	return nil, nil, fmt.Errorf("%s %s: %s: %.200s", method, where, response.Status, answer)
}

// absolute makes a URL of a path below the repository, of one on the host, or of a whole one.
func (r registry) absolute(where string) (string, error) {
	switch {
	case strings.HasPrefix(where, r.host+"/"):
		return where, nil
	case strings.HasPrefix(where, "/v2/"):
		return r.host + where, nil
	case strings.HasPrefix(where, "/"):
		return r.base + where, nil
	}
	return "", fmt.Errorf("the registry points to %s", where)
}

// pages calls back with each page of a list.
func (r registry) pages(where string, page func([]byte) error) error {
	for where != "" {
		response, body, err := r.send("GET", where, "", nil, 200)
		if err != nil {
			return err
		}
		if err := page(body); err != nil {
			return err
		}
		link, _, _ := strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
		where = link
	}
	return nil
}

func (r registry) tags() (map[string]string, error) {
	tags := map[string]string{}
	err := r.pages("/tags/list", func(body []byte) error {
		var list struct{ Tags []string }
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		for _, tag := range list.Tags {
			_, bytes, err := r.send("GET", "/manifests/"+tag, "", nil, 200)
			if err != nil {
				return fmt.Errorf("tag %s: %w", tag, err)
			}
			tags[tag] = digestOf(bytes)
		}
		return nil
	})
	return tags, err
}

func (r registry) manifest(digest string) (manifest, error) {
	response, body, err := r.send("GET", "/manifests/"+digest, "", nil, 200)
	if err != nil {
		return manifest{}, err
	}
	if len(body) > maxManifest {
		return manifest{}, fmt.Errorf("%s is too large", digest)
	}
	return parse(body, response.Header.Get("Content-Type"), digest)
}

func (r registry) blob(digest string) ([]byte, error) {
	_, body, err := r.send("GET", "/blobs/"+digest, "", nil, 200)
	return body, err
}

func (r registry) referrers(digest string) ([]string, error) {
	var found []string
	add := func(body []byte) error {
		var list manifest
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		for _, one := range list.Manifests {
			found = append(found, one.Digest)
		}
		return nil
	}
	err := r.pages("/referrers/"+digest, add)
	if !errors.Is(err, errAbsent) {
		return found, err
	}
	_, body, err := r.send("GET", "/manifests/"+fallbackTag(digest), "", nil, 200)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found, add(body)
}

func (r registry) putBlob(digest string, body []byte) error {
	if _, _, err := r.send("HEAD", "/blobs/"+digest, "", nil, 200); err == nil {
		return nil
	}
	response, _, err := r.send("POST", "/blobs/uploads/", "", nil, 202)
	if err != nil {
		return err
	}
	location := response.Header.Get("Location")
	joint := "?"
	if strings.Contains(location, "?") {
		joint = "&"
	}
	where := location + joint + "digest=" + url.QueryEscape(digest)
	_, _, err = r.send("PUT", where, "application/octet-stream", body, 201)
	return err
}

func (r registry) putManifest(reference string, m manifest) error {
	_, _, err := r.send("PUT", "/manifests/"+reference, m.mediaType, m.bytes, 201, 202)
	return err
}
