// Command witness serves transparency-dev's witness on a loopback port: witness <name> <vkey of the log>.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"

	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func serve(name, vkey string) error {
	own, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	skey, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	signer, err := cosignature.NewSignerForCosignatureV1(skey)
	if err != nil {
		return err
	}
	known := func(_ context.Context, origin string) (note.Verifier, bool, error) {
		return own, origin == own.Name(), nil
	}
	options := witness.Opts{Persistence: inmemory.New(), Signers: []note.Signer{signer}, VerifierForLog: known}
	serving, err := witness.New(context.Background(), options)
	if err != nil {
		return err
	}
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	key, err := cosignature.VKeyToCosignatureV1(public)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s %s\n", listening.Addr(), key)
	http.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(serving).AddCheckpoint)
	return http.Serve(listening, nil)
}

func main() {
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
