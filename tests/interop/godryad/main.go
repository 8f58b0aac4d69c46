// Godryad plays a board of the original system, for tests of our server.
//
//	godryad SUPERVISER UUID BOARD
//
// It listens for calls and for "SSH", registers once, keeps that connection, and prints what it is
// asked as lines of JSON.
package main

import (
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/rpc"
	"os"
	"sync"
)

type Capabilities map[string]string

type SuperviserRegisterRequest struct {
	Caps         Capabilities
	DryadAddress string
	SshAddress   string
}
type SuperviserRegisterResponse struct{}

type DryadPutInMaintenanceRequest struct{ Msg string }
type DryadPutInMaintenanceResponse struct{}

type DryadPrepareRequest struct{ Key interface{} }
type DryadPrepareResponse struct{}

type DryadHealthcheckRequest struct{}
type DryadHealthcheckResponse struct{}

type rsaPublicKey struct {
	N *big.Int
	E int
}

type ed25519PublicKey []byte

type event struct {
	Call    string
	Message string `json:",omitempty"`
	Modulus string `json:",omitempty"`
}

var output sync.Mutex

func tell(what event) {
	line, err := json.Marshal(what)
	if err != nil {
		log.Fatal(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

type Dryad struct{}

func (Dryad) PutInMaintenance(q *DryadPutInMaintenanceRequest, _ *DryadPutInMaintenanceResponse) error {
	tell(event{Call: "PutInMaintenance", Message: q.Msg})
	return nil
}

func (Dryad) Prepare(q *DryadPrepareRequest, _ *DryadPrepareResponse) error {
	key, ok := q.Key.(*rsaPublicKey)
	if !ok {
		return errors.New("empty public key")
	}
	tell(event{Call: "Prepare", Modulus: key.N.Text(16)})
	return nil
}

func (Dryad) Healthcheck(*DryadHealthcheckRequest, *DryadHealthcheckResponse) error {
	tell(event{Call: "Healthcheck"})
	return nil
}

func listen() (net.Listener, string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	// Without the host, as the original's default has it: the server fills in what it sees.
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	return listener, ":" + port
}

func greet(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprint(connection, "SSH-2.0-godryad\r\n")
		connection.Close()
	}
}

func main() {
	gob.RegisterName("*ssh.rsaPublicKey", &rsaPublicKey{})
	gob.RegisterName("golang.org/x/crypto/ssh.ed25519PublicKey", ed25519PublicKey{})
	if err := rpc.Register(Dryad{}); err != nil {
		log.Fatal(err)
	}
	calls, dryadAddress := listen()
	sessions, sshAddress := listen()
	go rpc.Accept(calls)
	go greet(sessions)
	boruta, err := rpc.Dial("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	request := SuperviserRegisterRequest{
		Caps:         Capabilities{"UUID": os.Args[2], "board": os.Args[3]},
		DryadAddress: dryadAddress,
		SshAddress:   sshAddress,
	}
	if err := boruta.Call("Superviser.Register", &request, new(SuperviserRegisterResponse)); err != nil {
		log.Fatal("failed to register to boruta: ", err)
	}
	tell(event{Call: "Registered"})
	select {}
}
