// hello_rust.rs - a plugin in Rust, without a crate: a producer that appends each event to the file FOLDER/TOPIC, as a line of
// hex. The structs are those of eventbus/plugin.h, written by hand; bindgen can make them from the header.
//
//   rustc --edition 2021 -O --crate-type cdylib -C panic=unwind -o hello_rust.so hello_rust.rs
//
// No panic leaves an op: `guarded` turns it into EB_FATAL, after which the host opens a new instance. (panic=abort would end
// the service.) The tables are constants, so no code runs when the host loads the file.
#![allow(non_upper_case_globals)]

use std::ffi::{c_char, c_void, CStr};
use std::fs::{create_dir, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

const EB_OK: i32 = 0;
const EB_RETRIABLE: i32 = -1;
const EB_PERMANENT: i32 = -2;
const EB_FATAL: i32 = -3;
const EB_KIND_BROKER: i32 = 2;
const EB_T_ORDER: u32 = 1;
const EB_OPT_TEXT: i32 = 1;

// ---- eventbus/error.h and eventbus/plugin.h, as far as this plugin needs them ----

#[repr(C)]
pub struct EbError { status: i32, kind: i32, native: i64, text: [u8; 1008] }

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EbText { data: *const u8, len: usize }

#[repr(C)]
pub struct EbMessage {
    size: usize, token: u64, time_ms: i64, lease_ms: i64, deliveries: u32, failures: u32, partition: u32, pad: u32,
    topic: EbText, position: EbText, id: EbText, key: EbText, key_avro: EbText, payload: EbText,
    // More follows; a plugin reads what it knows.
}

#[repr(C)]
pub struct EbDelivery { size: usize, token: u64, status: i32, maybe_stored: i32, position: EbText, error: *const EbError }

#[repr(C)]
pub struct EbHost {
    size: usize, core: *mut c_void, instance: *const c_char, service: *const c_char,
    log: extern "C" fn(*const EbHost, i32, *const c_char),
    metric: extern "C" fn(*const EbHost, *const c_char, f64),
    link: extern "C" fn(*const EbHost, i32, *const EbError),
    delivered: extern "C" fn(*const EbHost, *const EbDelivery),
}

#[repr(C)]
pub struct EbProducerOps {
    size: usize, traits: u32, pad: u32,
    open: extern "C" fn(*const EbHost, *const Settings, *mut *mut Hello, *mut EbError) -> i32,
    submit: extern "C" fn(*mut Hello, *const *const EbMessage, usize, *mut EbError) -> i64,
    poll: extern "C" fn(*mut Hello, i32, *mut EbError) -> i32,
    wake: extern "C" fn(*mut Hello),
    close: extern "C" fn(*mut Hello, i32),
}

#[repr(C)]
pub struct EbOption {
    key: *const c_char, fallback: *const c_char, help: *const c_char, choices: *const c_char,
    kind: i32, flags: u32, min: i64, max: i64, offset: usize,
}

#[repr(C)]
pub struct EbPlugin {
    size: usize, abi_major: u32, abi_minor: u32, name: *const c_char, version: *const c_char, summary: *const c_char,
    options: *const EbOption, n_options: usize, option_size: usize, settings_size: usize,
    check: Option<extern "C" fn(*const c_void, *mut EbError) -> i32>,
}

// They hold pointers to constants only.
unsafe impl Sync for EbOption {}
unsafe impl Sync for EbPlugin {}

// ---- the plugin ----

#[repr(C)]
pub struct Settings { folder: *const c_char }

pub struct Hello {
    host: *const EbHost,
    folder: String,
    up: Mutex<Option<bool>>,
    woken: Mutex<bool>, // remembered until a poll takes it
    wakeup: Condvar,
}

fn text(text: &EbText) -> &[u8] {
    if text.data.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(text.data, text.len) } }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn error(status: i32, native: i64, why: &str) -> EbError {
    let mut error = EbError { status, kind: EB_KIND_BROKER, native, text: [0; 1008] };
    let mut len = why.len().min(1007);
    while !why.is_char_boundary(len) { len -= 1; }
    error.text[..len].copy_from_slice(&why.as_bytes()[..len]);
    error
}

// Runs an op; a panic becomes EB_FATAL.
fn guarded<T: From<i32>>(err: *mut EbError, op: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(op)).unwrap_or_else(|_| {
        if !err.is_null() { unsafe { *err = error(EB_FATAL, 0, "the plugin hello_rust has panicked"); } }
        T::from(EB_FATAL)
    })
}

impl Hello {
    fn append(&self, message: &EbMessage) -> Result<String, EbError> {
        let topic = std::str::from_utf8(text(&message.topic)).unwrap_or("/");
        if topic.contains('/') || topic.starts_with('.') || topic.len() > 200 {
            return Err(error(EB_PERMANENT, 0, &format!("topic {topic} cannot be a file here")));
        }
        let path = format!("{}/{topic}", self.folder);
        let failed = |cause: Error| error(EB_RETRIABLE, cause.raw_os_error().unwrap_or(0).into(), &format!("cannot append to {path}: {cause}"));
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        let position = file.metadata().map_err(failed)?.len();
        let line = format!("{} {} {}\n", hex(text(&message.id)), hex(text(&message.key)), hex(text(&message.payload)));
        file.write_all(line.as_bytes()).map_err(|cause| { let _ = file.set_len(position); failed(cause) })?;
        Ok(position.to_string())
    }

    // After a failure the rest fails too, since no message may overtake one of its key.
    fn submit(&self, batch: &[*const EbMessage]) {
        let mut broken: Option<EbError> = None;
        for &message in batch {
            let message = unsafe { &*message };
            let mut delivery = EbDelivery { size: std::mem::size_of::<EbDelivery>(), token: message.token, status: EB_OK,
                maybe_stored: 0, position: EbText { data: std::ptr::null(), len: 0 }, error: std::ptr::null() };
            let mut position = String::new();
            if !matches!(&broken, Some(why) if why.status == EB_RETRIABLE) {
                broken = match self.append(message) { Ok(at) => { position = at; None } Err(why) => Some(why) };
            }
            match &broken {
                Some(why) => { delivery.status = why.status; delivery.error = why; }
                None => delivery.position = EbText { data: position.as_ptr(), len: position.len() },
            }
            unsafe { ((*self.host).delivered)(self.host, &delivery) };
        }
    }

    fn poll(&self, timeout_ms: i32) {
        let made = match create_dir(&self.folder) { Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()), other => other };
        if self.up.lock().unwrap().replace(made.is_ok()) != Some(made.is_ok()) {
            match made {
                Ok(()) => unsafe { ((*self.host).link)(self.host, 1, std::ptr::null()) },
                Err(cause) => unsafe {
                    ((*self.host).link)(self.host, 0, &error(EB_RETRIABLE, cause.raw_os_error().unwrap_or(0).into(),
                        &format!("cannot use folder {}: {cause}", self.folder)))
                },
            }
        }
        let wait = Duration::from_millis(timeout_ms.max(0) as u64);
        let (mut woken, _) = self.wakeup.wait_timeout_while(self.woken.lock().unwrap(), wait, |woken| !*woken).unwrap();
        *woken = false;
    }
}

extern "C" fn open(host: *const EbHost, settings: *const Settings, hello: *mut *mut Hello, err: *mut EbError) -> i32 {
    guarded(err, || unsafe {
        let folder = CStr::from_ptr((*settings).folder).to_string_lossy().into_owned();
        *hello = Box::into_raw(Box::new(Hello { host, folder, up: Mutex::new(None), woken: Mutex::new(false), wakeup: Condvar::new() }));
        EB_OK
    })
}

extern "C" fn submit(hello: *mut Hello, batch: *const *const EbMessage, n: usize, err: *mut EbError) -> i64 {
    guarded(err, || unsafe {
        (&*hello).submit(std::slice::from_raw_parts(batch, n));
        n as i64
    })
}

extern "C" fn poll(hello: *mut Hello, timeout_ms: i32, err: *mut EbError) -> i32 {
    guarded(err, || {
        unsafe { &*hello }.poll(timeout_ms);
        EB_OK
    })
}

extern "C" fn wake(hello: *mut Hello) {
    let hello = unsafe { &*hello }; // any thread, while poll runs: all that changes stands in a Mutex
    if let Ok(mut woken) = hello.woken.lock() { *woken = true; }
    hello.wakeup.notify_one();
}

extern "C" fn close(hello: *mut Hello, _timeout_ms: i32) {
    drop(unsafe { Box::from_raw(hello) });
}

static OPTIONS: [EbOption; 1] = [EbOption {
    key: c"folder".as_ptr(), fallback: c"${STATE}/hello_rust".as_ptr(), help: c"The folder; made when its parent is there".as_ptr(),
    choices: std::ptr::null(), kind: EB_OPT_TEXT, flags: 0, min: 0, max: 0, offset: 0,
}];

#[no_mangle]
pub static eventbus_producer: EbProducerOps =
    EbProducerOps { size: std::mem::size_of::<EbProducerOps>(), traits: EB_T_ORDER, pad: 0, open, submit, poll, wake, close };

#[no_mangle]
pub static eventbus_plugin: EbPlugin = EbPlugin {
    size: std::mem::size_of::<EbPlugin>(), abi_major: 1, abi_minor: 0, name: c"hello_rust".as_ptr(), version: c"1.0".as_ptr(),
    summary: c"Appends events to files, in Rust".as_ptr(), options: OPTIONS.as_ptr(), n_options: 1,
    option_size: std::mem::size_of::<EbOption>(), settings_size: std::mem::size_of::<Settings>(), check: None,
};
