// Peer speaks net/rpc over gob as the original's programs do, for tests of our own side.
//
//	peer serve NETWORK ADDRESS   answers every method, prints each call as a line of JSON
//	peer call NETWORK ADDRESS    makes the calls given as lines of JSON, prints each result
//	peer together NETWORK ADDRESS   the same, all of them at once on one connection
package main

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/rpc"
	"os"
	"strings"
	"sync"
	"time"
)

type call struct {
	Method   string
	Argument json.RawMessage `json:",omitempty"`
}

type result struct {
	Reply interface{}
	Error string `json:",omitempty"`
}

var output sync.Mutex

func printLine(value interface{}) {
	line, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

func record(method string, argument interface{}) {
	raw, err := json.Marshal(argument)
	if err != nil {
		log.Fatal(err)
	}
	printLine(call{Method: method, Argument: raw})
}

type Superviser struct{}

func (Superviser) Register(q *SuperviserRegisterRequest, _ *SuperviserRegisterResponse) error {
	record("Superviser.Register", q)
	if _, ok := q.Caps["UUID"]; !ok {
		return errors.New("Capabilities are missing UUID entry")
	}
	return nil
}

func (Superviser) SetFail(q *SuperviserSetFailRequest, _ *SuperviserSetFailResponse) error {
	record("Superviser.SetFail", q)
	return nil
}

type Dryad struct{}

func (Dryad) PutInMaintenance(q *DryadPutInMaintenanceRequest, _ *DryadPutInMaintenanceResponse) error {
	record("Dryad.PutInMaintenance", q)
	return nil
}

func (Dryad) Prepare(q *DryadPrepareRequest, _ *DryadPrepareResponse) error {
	record("Dryad.Prepare", q)
	if q.Key == nil {
		return errors.New("empty public key")
	}
	return nil
}

func (Dryad) Healthcheck(q *DryadHealthcheckRequest, _ *DryadHealthcheckResponse) error {
	record("Dryad.Healthcheck", q)
	return nil
}

type Interface struct{}

func (Interface) PowerTick(q *InterfacePowerTickRequest, _ *InterfacePowerTickResponse) error {
	record("Interface.PowerTick", q)
	// Long enough for the order of replies to differ from the order of calls.
	if q.D == time.Second {
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func (Interface) DUT(q *InterfaceDUTRequest, _ *InterfaceDUTResponse) error {
	record("Interface.DUT", q)
	return nil
}

func (Interface) TS(q *InterfaceTSRequest, _ *InterfaceTSResponse) error {
	record("Interface.TS", q)
	return nil
}

func (Interface) GetCurrent(q *InterfaceGetCurrentRequest, r *InterfaceGetCurrentResponse) error {
	record("Interface.GetCurrent", q)
	r.Value = 420
	return nil
}

func (Interface) StartCurrentRecord(q *InterfaceStartCurrentRecordRequest, _ *InterfaceStartCurrentRecordResponse) error {
	record("Interface.StartCurrentRecord", q)
	return nil
}

func (Interface) StopCurrentRecord(q *InterfaceStopCurrentRecordRequest, _ *InterfaceStopCurrentRecordResponse) error {
	record("Interface.StopCurrentRecord", q)
	return nil
}

func (Interface) GetCurrentRecord(q *InterfaceGetCurrentRecordRequest, r *InterfaceGetCurrentRecordResponse) error {
	record("Interface.GetCurrentRecord", q)
	r.Samples = []int{0, 1, -1, 63, 64, 127, 128, 5000}
	return nil
}

func (Interface) HDMI(q *InterfaceHDMIRequest, _ *InterfaceHDMIResponse) error {
	record("Interface.HDMI", q)
	return nil
}

func (Interface) SetDyper(q *InterfaceSetDyperRequest, _ *InterfaceSetDyperResponse) error {
	record("Interface.SetDyper", q)
	return nil
}

func (Interface) SetLED(q *InterfaceSetLEDRequest, _ *InterfaceSetLEDResponse) error {
	record("Interface.SetLED", q)
	return nil
}

func (Interface) ClearDisplay(q *InterfaceClearDisplayRequest, _ *InterfaceClearDisplayResponse) error {
	record("Interface.ClearDisplay", q)
	return nil
}

func (Interface) PrintText(q *InterfacePrintTextRequest, _ *InterfacePrintTextResponse) error {
	record("Interface.PrintText", q)
	return nil
}

func serve(network, address string) error {
	for _, service := range []interface{}{Superviser{}, Dryad{}, Interface{}} {
		if err := rpc.Register(service); err != nil {
			return err
		}
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	printLine(listener.Addr().String())
	rpc.Accept(listener)
	return nil
}

func finish(done *rpc.Call) {
	answer := result{Reply: done.Reply}
	if done.Error != nil {
		answer.Error = done.Error.Error()
	}
	printLine(answer)
}

func makeCalls(network, address string, together bool) error {
	client, err := rpc.Dial(network, address)
	if err != nil {
		return err
	}
	defer client.Close()
	var pending []*rpc.Call
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		var wanted call
		if err := json.Unmarshal(line, &wanted); err != nil {
			return err
		}
		argument, reply := structs(wanted.Method)
		if err := json.Unmarshal(wanted.Argument, argument); err != nil {
			return err
		}
		started := client.Go(strings.TrimSuffix(wanted.Method, "/wide"), argument, reply, make(chan *rpc.Call, 1))
		if together {
			pending = append(pending, started)
		} else {
			finish(<-started.Done)
		}
	}
	for _, started := range pending {
		finish(<-started.Done)
	}
	return nil
}

func main() {
	// What the original registers, under the same names.
	gob.RegisterName("*ssh.rsaPublicKey", &rsaPublicKey{})
	gob.RegisterName("golang.org/x/crypto/ssh.ed25519PublicKey", ed25519PublicKey{})
	gob.RegisterName("main.strangeKey", strangeKey{})
	var err error
	switch verb := os.Args[1]; verb {
	case "serve":
		err = serve(os.Args[2], os.Args[3])
	default:
		err = makeCalls(os.Args[2], os.Args[3], verb == "together")
	}
	if err != nil {
		log.Fatal(err)
	}
}
