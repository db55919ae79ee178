//! Small waPC guests in the text format.

/// A guest whose `__guest_call` has this body; `data` lies at 1024.
pub(crate) fn with_body(body: &str, data: &[u8]) -> Vec<u8> {
    let pages = 1 + (1024 + data.len()) / 65_536;
    let escaped: String = data.iter().map(|b| format!("\\{b:02x}")).collect();
    let text = format!(
        r#"(module
          (import "wapc" "__guest_request" (func $request (param i32 i32)))
          (import "wapc" "__guest_response" (func $response (param i32 i32)))
          (import "wapc" "__guest_error" (func $error (param i32 i32)))
          (import "wapc" "__host_call"
            (func $host (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "wapc" "__host_response_len" (func $host_response_len (result i32)))
          (import "wapc" "__host_response" (func $host_response (param i32)))
          (import "wapc" "__host_error_len" (func $host_error_len (result i32)))
          (import "wapc" "__host_error" (func $host_error (param i32)))
          (import "wapc" "__console_log" (func $log (param i32 i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "clock_time_get"
            (func $clock (param i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "environ_sizes_get"
            (func $environ (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") {pages})
          (data (i32.const 1024) "{escaped}")
          (func (export "__guest_call") (param $op i32) (param $len i32) (result i32)
            {body}))"#
    );
    wat::parse_str(text).unwrap()
}

/// A guest that always answers with these bytes.
pub(crate) fn answering(response: &[u8]) -> Vec<u8> {
    let body =
        format!("(call $response (i32.const 1024) (i32.const {})) i32.const 1", response.len());
    with_body(&body, response)
}
