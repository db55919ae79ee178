//! Bytes to types, without any trust: what a payload, an envelope or a bundle says.
