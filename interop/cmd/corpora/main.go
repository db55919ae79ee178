// Command corpora puts OCI layouts into registries as they are, compares what two places hold, and takes
// the cases of corpora/cases.json apart for a shell.
//
//	corpora cases CASES.JSON DIRECTORY   writes DIRECTORY/ID.json, the policy of each case that is about an
//	                                     image, and prints: ID, layout, tag, now, expected verdict
//	corpora copy FROM TO                 every tag with all that it reaches, bytes as they are; nothing is
//	                                     added, such as a fallback tag
//	corpora snapshot PLACE               what is there, one sorted line each: tags but fallback tags,
//	                                     manifests, blobs, and who refers to whom
//
// A place is oci-layout:DIRECTORY or HOST:PORT/NAME, which is spoken to in plain HTTP. A snapshot shows what a
// client finds: referrers by the API where there is one, and otherwise by the fallback tag.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal("Error: ", err)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "cases":
		return cases(args[1], args[2])
	case len(args) == 3 && args[0] == "copy":
		return copyAll(args[1], args[2])
	case len(args) == 2 && args[0] == "snapshot":
		return snapshot(args[1])
	}
	return fmt.Errorf("usage: corpora cases|copy|snapshot …")
}

func cases(file, directory string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var all []struct {
		ID, Reference, Now, Expect string
		Policy                     json.RawMessage
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, one := range all {
		layout, found := strings.CutPrefix(one.Reference, "oci-layout:layouts/")
		if !found {
			continue
		}
		layout, tag, _ := strings.Cut(layout, ":")
		if err := os.WriteFile(filepath.Join(directory, one.ID+".json"), one.Policy, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s\t%s\t%s\t%s\t%s\n", one.ID, layout, tag, one.Now, one.Expect)
	}
	return nil
}

func open(place string) (source, error) {
	if directory, found := strings.CutPrefix(place, "oci-layout:"); found {
		return openLayout(directory)
	}
	return openRegistry(place)
}
