// Command oracle-notation-go makes the scenarios of notation-go's and notation-core-go's own tests with fixed
// keys and times, asks notation-go about each, and writes both as JSON.
//
//	oracle-notation-go RSA_KEYS >cases.json
//
// The rows are those of the test functions named as tables, made anew; what a row is about is in its name
// there. Rows that say nothing about verification of a signature are written with the reason.
package main

import (
	"encoding/json"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: oracle-notation-go RSA_KEYS")
	}
	if err := readRSA(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	var all tables
	for _, table := range []func(*tables){
		combinations, plugins, metadata, identities, revocations, timestamps, blobs,
		documents, scopes, registries,
		signingChains, stampingChains, contents, coseEnvelopes, jwsEnvelopes, responses, lists,
		commands,
	} {
		table(&all)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all.cases); err != nil {
		log.Fatal(err)
	}
}

// tables of cases.
type tables struct{ cases []written }

func (t *tables) ask(table, row, variant string, s *scenario) {
	asked := s.write(table, row, variant)
	answer := judge(asked)
	asked.Answer = &answer
	t.cases = append(t.cases, asked)
}

// each asks in both formats, under notary.x509.
func (t *tables) each(table, row string, edit func(*scenario)) {
	for _, format := range []string{"jws", "cose"} {
		t.one(table, row, format, edit)
	}
}

func (t *tables) one(table, row, format string, edit func(*scenario)) {
	s := newScenario(format, x509Scheme)
	edit(s)
	t.ask(table, row, format, s)
}

// policy asks only about the document, or which of its statements is for an artifact.
func (t *tables) policy(table, row string, edit func(*scenario)) {
	s := newScenario("jws", x509Scheme)
	s.only = true
	edit(s)
	t.ask(table, row, "", s)
}

// not says why rows are nobody's question.
func (t *tables) not(table, why string, rows ...string) {
	for _, row := range rows {
		t.notMany(table, why, 1, row)
	}
}

func (t *tables) notMany(table, why string, count int, what string) {
	t.cases = append(t.cases, written{Table: table, Row: what, NotAsked: why, Count: count})
}

// Why a row is not asked.
const (
	signing    = "about signing"
	arguments  = "about arguments of a Go function that no envelope or policy can have"
	process    = "about what a plugin's process answers: a module runs none, and refuses what it has not built in"
	caching    = "about the cache of CRLs on disk, which is the host's"
	commanding = "about the command: flags, files, TLS, its texts"
	unreleased = "not in notation-go 1.3.2: blob documents and VerifyBlob came after it"
	twice      = "the same as another row here"
	far        = "needs a service of somebody else, or 32 MiB"
)
