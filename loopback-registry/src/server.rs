//! The listening thread: connections, requests, and the way of an answer through faults and log.

use std::{
    error::Error,
    io,
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response, body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use socket2::{SockRef, Socket};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime,
    sync::oneshot,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    api, auth,
    exchange::{Exchange, Reply, form},
    fault::{Length, Sending, Silence},
    log::{Logged, MAX_BODY},
    outgoing::Outgoing,
    registry::Shared,
};

/// Bytes of a request's body; what is pushed in tests is far smaller.
const MAX_REQUEST: usize = 1 << 30;

type Failure = Box<dyn Error + Send + Sync>;

/// Serves until the sender is dropped.
pub(crate) fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<JoinHandle<()>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("loopback-registry".into()).spawn(move || {
        runtime.spawn(accept(listener, tls, shared));
        // The sender says nothing: it is dropped.
        let _ = runtime.block_on(stopped);
    })
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(e) => return eprintln!("loopback-registry: {e}"),
    };
    for number in 1.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(e) => {
                // Such as too many open files, which passes.
                eprintln!("loopback-registry: {e}");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let Ok(socket) = SockRef::from(&stream).try_clone() else { continue };
        let connection = Arc::new(Connection { number, socket, shared: shared.clone() });
        tokio::spawn(connect(stream, tls.clone(), connection));
    }
}

/// One connection.
struct Connection {
    number: u64,
    /// The same socket, to be reset.
    socket: Socket,
    shared: Arc<Shared>,
}

async fn connect(stream: TcpStream, tls: Option<TlsAcceptor>, connection: Arc<Connection>) {
    // What a client does wrong is the client's to tell: it sees its connection end.
    let Some(tls) = tls else {
        return serve(stream, connection, false).await;
    };
    if let Ok(stream) = tls.accept(stream).await {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        serve(stream, connection, http2).await;
    }
}

async fn serve<S>(stream: S, connection: Arc<Connection>, http2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(connection.clone(), request));
    let io = TokioIo::new(stream);
    let _ = if http2 {
        conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
    } else {
        conn::http1::Builder::new().serve_connection(io, service).await
    };
}

async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let shared = &connection.shared;
    let version = format!("{:?}", request.version());
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST).collect().await?.to_bytes();
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
    let exchange = Exchange {
        path,
        query: form(parts.uri.query().unwrap_or_default().as_bytes()),
        target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    let admitted = auth::admit(shared, &exchange);
    let met = shared.faults.met_by(exchange.method.as_str(), &exchange.target, admitted.is_ok());
    let user = admitted.as_ref().ok().and_then(|admitted| admitted.user.clone());
    let mut reply = match (met.instead(&exchange.target), admitted) {
        (Some(reply), _) => reply,
        (None, Err(turned_away)) => *turned_away,
        (None, Ok(admitted)) => api::answer(shared, &exchange, &admitted),
    };
    let sending = met.change(&exchange.target, &mut reply);
    let bodiless = exchange.is_head() || matches!(reply.status, 204 | 304);
    let logged = logged(&exchange, &reply, &sending, bodiless);
    shared.logs(Logged { connection: connection.number, version, user, ..logged });
    sleep(sending.delay).await;
    if let Some(silence) = sending.silence {
        if silence == Silence::Reset {
            connection.socket.set_linger(Some(Duration::ZERO))?;
        }
        return Err("it was asked to end without an answer".into());
    }
    respond(&exchange.method, reply, sending, bodiless)
}

fn logged(exchange: &Exchange, reply: &Reply, sending: &Sending, bodiless: bool) -> Logged {
    let headers = exchange.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let silent = sending.silence.is_some();
    Logged {
        method: exchange.method.as_str().to_owned(),
        path: exchange.target.clone(),
        headers: headers.collect(),
        body: exchange.body.slice(..exchange.body.len().min(MAX_BODY)).to_vec(),
        bytes_in: exchange.body.len() as u64,
        status: if silent { 0 } else { reply.status },
        bytes_out: if silent || bodiless { 0 } else { sending.bytes(&reply.body) },
        connection: 0,
        version: String::new(),
        user: None,
    }
}

fn respond(
    method: &Method,
    mut reply: Reply,
    sending: Sending,
    bodiless: bool,
) -> Result<Response<Outgoing>, Failure> {
    let said = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    match sending.length {
        Length::Unsaid => reply.set("Content-Length", None),
        Length::Off(off) => {
            let length = (reply.body.len() as u64).saturating_add_signed(off);
            reply.set("Content-Length", Some(length.to_string()));
        }
        Length::True if said || (bodiless && method != Method::HEAD) => {}
        Length::True => reply.set("Content-Length", Some(reply.body.len().to_string())),
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name.as_str(), value.as_str());
    }
    let body = match bodiless {
        true => Outgoing::nothing(),
        false => Outgoing::new(reply.body, sending.pace, sending.end),
    };
    Ok(response.body(body)?)
}
