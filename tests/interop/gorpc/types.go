package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

type Capabilities map[string]string

type SuperviserRegisterRequest struct {
	Caps         Capabilities `json:",omitempty"`
	DryadAddress string       `json:",omitempty"`
	SshAddress   string       `json:",omitempty"`
}
type SuperviserRegisterResponse struct{}

type SuperviserSetFailRequest struct {
	Uuid   string `json:",omitempty"`
	Reason string `json:",omitempty"`
}
type SuperviserSetFailResponse struct{}

type DryadPutInMaintenanceRequest struct {
	Msg string `json:",omitempty"`
}
type DryadPutInMaintenanceResponse struct{}

type DryadPrepareRequest struct {
	Key interface{}
}
type DryadPrepareResponse struct{}

type DryadHealthcheckRequest struct{}
type DryadHealthcheckResponse struct{}

type InterfacePowerTickRequest struct {
	D time.Duration `json:",omitempty"`
}
type InterfacePowerTickResponse struct{}

type InterfaceDUTRequest struct{}
type InterfaceDUTResponse struct{}

type InterfaceTSRequest struct{}
type InterfaceTSResponse struct{}

type InterfaceGetCurrentRequest struct{}
type InterfaceGetCurrentResponse struct {
	Value int `json:",omitempty"`
}

type InterfaceStartCurrentRecordRequest struct {
	Samples  int           `json:",omitempty"`
	Interval time.Duration `json:",omitempty"`
}
type InterfaceStartCurrentRecordResponse struct{}

type InterfaceStopCurrentRecordRequest struct{}
type InterfaceStopCurrentRecordResponse struct{}

type InterfaceGetCurrentRecordRequest struct{}
type InterfaceGetCurrentRecordResponse struct {
	Samples []int `json:",omitempty"`
}

type InterfaceHDMIRequest struct {
	On bool `json:",omitempty"`
}
type InterfaceHDMIResponse struct{}

type InterfaceSetDyperRequest struct {
	Dyper string `json:",omitempty"`
	On    bool   `json:",omitempty"`
}
type InterfaceSetDyperResponse struct{}

type InterfaceSetLEDRequest struct {
	Led     string `json:",omitempty"`
	R, G, B uint8  `json:",omitempty"`
}
type InterfaceSetLEDResponse struct{}

type InterfaceClearDisplayRequest struct{}
type InterfaceClearDisplayResponse struct{}

type InterfacePrintTextRequest struct {
	X     uint   `json:",omitempty"`
	Y     uint   `json:",omitempty"`
	Color string `json:",omitempty"`
	Text  string `json:",omitempty"`
}
type InterfacePrintTextResponse struct{}

type rsaPublicKey struct {
	N *big.Int
	E int
}

type ed25519PublicKey []byte

// A key that our side has no name for.
type strangeKey struct {
	Inner interface{}
}

// wrongLED has a field too wide for its counterpart.
type wrongLED struct {
	R uint
}

type named struct {
	Name  string
	Value json.RawMessage
}

func (q DryadPrepareRequest) MarshalJSON() ([]byte, error) {
	var name string
	switch q.Key.(type) {
	case nil:
		return []byte("{}"), nil
	case *rsaPublicKey:
		name = "*ssh.rsaPublicKey"
	case ed25519PublicKey:
		name = "golang.org/x/crypto/ssh.ed25519PublicKey"
	default:
		return nil, fmt.Errorf("unknown key type %T", q.Key)
	}
	value, err := json.Marshal(q.Key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]named{"Key": {Name: name, Value: value}})
}

func (q *DryadPrepareRequest) UnmarshalJSON(data []byte) error {
	var outer struct{ Key *named }
	if err := json.Unmarshal(data, &outer); err != nil || outer.Key == nil {
		return err
	}
	switch outer.Key.Name {
	case "*ssh.rsaPublicKey":
		key := new(rsaPublicKey)
		q.Key = key
		return json.Unmarshal(outer.Key.Value, key)
	case "golang.org/x/crypto/ssh.ed25519PublicKey":
		var key ed25519PublicKey
		err := json.Unmarshal(outer.Key.Value, &key)
		q.Key = key
		return err
	case "main.strangeKey":
		q.Key = strangeKey{Inner: strangeKey{Inner: &rsaPublicKey{N: big.NewInt(7), E: 3}}}
		return nil
	}
	return fmt.Errorf("unknown key name %q", outer.Key.Name)
}

func structs(method string) (argument, reply interface{}) {
	switch method {
	case "Superviser.Register":
		return new(SuperviserRegisterRequest), new(SuperviserRegisterResponse)
	case "Superviser.SetFail":
		return new(SuperviserSetFailRequest), new(SuperviserSetFailResponse)
	case "Dryad.PutInMaintenance":
		return new(DryadPutInMaintenanceRequest), new(DryadPutInMaintenanceResponse)
	case "Dryad.Prepare":
		return new(DryadPrepareRequest), new(DryadPrepareResponse)
	case "Dryad.Healthcheck":
		return new(DryadHealthcheckRequest), new(DryadHealthcheckResponse)
	case "Interface.PowerTick":
		return new(InterfacePowerTickRequest), new(InterfacePowerTickResponse)
	case "Interface.DUT":
		return new(InterfaceDUTRequest), new(InterfaceDUTResponse)
	case "Interface.TS":
		return new(InterfaceTSRequest), new(InterfaceTSResponse)
	case "Interface.GetCurrent":
		return new(InterfaceGetCurrentRequest), new(InterfaceGetCurrentResponse)
	case "Interface.StartCurrentRecord":
		return new(InterfaceStartCurrentRecordRequest), new(InterfaceStartCurrentRecordResponse)
	case "Interface.StopCurrentRecord":
		return new(InterfaceStopCurrentRecordRequest), new(InterfaceStopCurrentRecordResponse)
	case "Interface.GetCurrentRecord":
		return new(InterfaceGetCurrentRecordRequest), new(InterfaceGetCurrentRecordResponse)
	case "Interface.HDMI":
		return new(InterfaceHDMIRequest), new(InterfaceHDMIResponse)
	case "Interface.SetDyper":
		return new(InterfaceSetDyperRequest), new(InterfaceSetDyperResponse)
	case "Interface.SetLED":
		return new(InterfaceSetLEDRequest), new(InterfaceSetLEDResponse)
	case "Interface.ClearDisplay":
		return new(InterfaceClearDisplayRequest), new(InterfaceClearDisplayResponse)
	case "Interface.PrintText":
		return new(InterfacePrintTextRequest), new(InterfacePrintTextResponse)
	case "Interface.SetLED/wide":
		return new(wrongLED), new(InterfaceSetLEDResponse)
	}
	return new(DryadHealthcheckRequest), new(DryadHealthcheckResponse)
}
