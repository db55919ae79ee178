package main

import (
	"encoding/asn1"
	"time"
)

// tlv is one element of DER.
func tlv(tag byte, parts ...[]byte) []byte {
	var content []byte
	for _, part := range parts {
		content = append(content, part...)
	}
	head := []byte{tag}
	switch length := len(content); {
	case length < 1<<7:
		head = append(head, byte(length))
	case length < 1<<8:
		head = append(head, 0x81, byte(length))
	case length < 1<<16:
		head = append(head, 0x82, byte(length>>8), byte(length))
	default:
		head = append(head, 0x83, byte(length>>16), byte(length>>8), byte(length))
	}
	return append(head, content...)
}

func sequence(parts ...[]byte) []byte { return tlv(0x30, parts...) }

func set(parts ...[]byte) []byte { return tlv(0x31, parts...) }

func octets(bytes []byte) []byte { return tlv(4, bytes) }

// explicit and implicit are context-specific, constructed and not.
func explicit(n byte, parts ...[]byte) []byte { return tlv(0xa0|n, parts...) }

func implicit(n byte, parts ...[]byte) []byte { return tlv(0x80|n, parts...) }

func generalized(at time.Time) []byte {
	return tlv(0x18, []byte(at.UTC().Format("20060102150405Z")))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func marshal(value any) []byte { return must(asn1.Marshal(value)) }
