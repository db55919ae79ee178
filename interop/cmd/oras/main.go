// Command oras does with oras-go what that project's own command does: attach a referrer, list and fetch
// referrers, copy an image with its referrers, and write a whole repository as an OCI layout.
//
//	oras attach REF ARTIFACT-TYPE FILE MEDIA-TYPE   prints the referrer's digest
//	oras referrers REF                              prints the digests of the direct ones
//	oras layer REF                                  prints the first layer of a manifest
//	oras copy SOURCE-REF TARGET-REF
//	oras export REPOSITORY DIRECTORY                every tag, and what it reaches
//
// Registries are spoken to in plain HTTP.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1:]); err != nil {
		log.Fatal("Error: ", err)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 5 && args[0] == "attach":
		return attach(ctx, args[1], args[2], args[3], args[4])
	case len(args) == 2 && args[0] == "referrers":
		return referrers(ctx, args[1])
	case len(args) == 2 && args[0] == "layer":
		return layer(ctx, args[1])
	case len(args) == 3 && args[0] == "copy":
		return copyImage(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "export":
		return export(ctx, args[1], args[2])
	}
	return fmt.Errorf("usage: oras attach|referrers|layer|copy|export …")
}

func attach(ctx context.Context, ref, artifactType, file, mediaType string) error {
	repository, err := repositoryOf(ref)
	if err != nil {
		return err
	}
	subject, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil {
		return err
	}
	bytes, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	layer, err := oras.PushBytes(ctx, repository, mediaType, bytes)
	if err != nil {
		return err
	}
	manifest, err := oras.PackManifest(ctx, repository, oras.PackManifestVersion1_1, artifactType,
		oras.PackManifestOptions{Subject: &subject, Layers: []ocispec.Descriptor{layer}})
	if err != nil {
		return err
	}
	fmt.Println(manifest.Digest)
	return nil
}

func referrers(ctx context.Context, ref string) error {
	repository, err := repositoryOf(ref)
	if err != nil {
		return err
	}
	subject, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil {
		return err
	}
	return repository.Referrers(ctx, subject, "", func(page []ocispec.Descriptor) error {
		for _, one := range page {
			fmt.Println(one.Digest)
		}
		return nil
	})
}

func layer(ctx context.Context, ref string) error {
	repository, err := repositoryOf(ref)
	if err != nil {
		return err
	}
	_, bytes, err := oras.FetchBytes(ctx, repository, repository.Reference.Reference, oras.DefaultFetchBytesOptions)
	if err != nil {
		return err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(bytes, &manifest); err != nil {
		return err
	}
	if len(manifest.Layers) == 0 {
		return fmt.Errorf("%s has no layer", ref)
	}
	first, err := content.FetchAll(ctx, repository, manifest.Layers[0])
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(first)
	return err
}

func copyImage(ctx context.Context, from, to string) error {
	source, err := repositoryOf(from)
	if err != nil {
		return err
	}
	target, err := repositoryOf(to)
	if err != nil {
		return err
	}
	_, err = oras.ExtendedCopy(ctx, source, source.Reference.Reference, target, target.Reference.Reference,
		oras.DefaultExtendedCopyOptions)
	return err
}

func export(ctx context.Context, name, directory string) error {
	source, err := repositoryOf(name)
	if err != nil {
		return err
	}
	layout, err := oci.New(directory)
	if err != nil {
		return err
	}
	return source.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if _, err := oras.ExtendedCopy(ctx, source, tag, layout, tag, oras.DefaultExtendedCopyOptions); err != nil {
				return fmt.Errorf("%s: %w", tag, err)
			}
		}
		return nil
	})
}

func repositoryOf(ref string) (*remote.Repository, error) {
	repository, err := remote.NewRepository(ref)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	return repository, nil
}
