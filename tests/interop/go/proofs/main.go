// Command proofs opens checkpoints with golang.org/x/mod/sumdb/note and checks proofs between and below them
// with transparency-dev/merkle; what it is given stands on standard input.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

type inclusion struct {
	Index uint64   `json:"index"`
	Entry []byte   `json:"entry"`
	Proof [][]byte `json:"proof"`
}

type given struct {
	VKey        string      `json:"vkey"`
	Witness     string      `json:"witness"`
	Older       string      `json:"older"`
	Newer       string      `json:"newer"`
	Consistency [][]byte    `json:"consistency"`
	Inclusions  []inclusion `json:"inclusions"`
}

func open(text string, own note.Verifier, others ...note.Verifier) (*log.Checkpoint, error) {
	checkpoint, _, opened, err := log.ParseCheckpoint([]byte(text), own.Name(), own, others...)
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != 1+len(others) {
		return nil, fmt.Errorf("%d signatures hold", len(opened.Sigs))
	}
	return checkpoint, nil
}

func check(said given) error {
	own, err := note.NewVerifier(said.VKey)
	if err != nil {
		return err
	}
	witness, err := cosignature.NewVerifierForCosignatureV1(said.Witness)
	if err != nil {
		return err
	}
	older, err := open(said.Older, own)
	if err != nil {
		return fmt.Errorf("older checkpoint: %w", err)
	}
	newer, err := open(said.Newer, own, witness)
	if err != nil {
		return fmt.Errorf("newer checkpoint: %w", err)
	}
	hasher := rfc6962.DefaultHasher
	err = proof.VerifyConsistency(hasher, older.Size, newer.Size, said.Consistency, older.Hash, newer.Hash)
	if err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	for _, each := range said.Inclusions {
		leaf := hasher.HashLeaf(each.Entry)
		err = proof.VerifyInclusion(hasher, each.Index, newer.Size, leaf, each.Proof, newer.Hash)
		if err != nil {
			return fmt.Errorf("entry %d: %w", each.Index, err)
		}
	}
	return nil
}

func main() {
	var said given
	if err := json.NewDecoder(os.Stdin).Decode(&said); err != nil {
		panic(err)
	}
	if err := check(said); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	fmt.Printf("accepted %d inclusions\n", len(said.Inclusions))
}
