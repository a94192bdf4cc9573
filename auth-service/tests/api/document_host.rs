//! A website that publishes the metadata of a client, over real TLS, in a network where names and addresses are what a
//! test says: `app.example` is at a public address, and connections to that address end at a listener of the test.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auth_service::documents::{DocumentRules, Documents};
use auth_service::outbound::{CheckedAddress, Network, Outbound, Roots};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::app::CALLBACK;

/// The client of most tests.
pub(crate) const CLIENT: &str = "https://app.example/client.json";
/// Where `app.example` is, as far as the DNS knows.
pub(crate) const PUBLIC: &str = "93.184.216.34";

/// What the website does with a request.
#[derive(Clone)]
pub(crate) enum Manners {
    /// Sends these bytes and closes.
    Answer(Vec<u8>),
    /// Reads the request and says nothing.
    Silence,
    /// One byte every second, for ever.
    Drip,
    /// Closes after the request.
    Hangup,
    /// Closes before there is TLS.
    NoTls,
}

/// The website, and everything that was asked of it and of the network.
pub(crate) struct DocumentHost {
    network: Arc<TestNetwork>,
    manners: Arc<Mutex<Manners>>,
    requests: Arc<Mutex<Vec<String>>>,
    certificate: String,
}

#[derive(Debug)]
struct TestNetwork {
    listener: SocketAddr,
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    resolved: Mutex<Vec<String>>,
    dialed: Mutex<Vec<SocketAddr>>,
    unreachable: Mutex<Vec<IpAddr>>,
}

#[async_trait]
impl Network for TestNetwork {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.resolved.lock().unwrap().push(host.to_owned());
        let mut names = self.names.lock().unwrap();
        let Some(answers) = names.get_mut(host) else { return Err(std::io::ErrorKind::NotFound.into()) };
        // The last answer stays.
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Ok(answer.unwrap_or_default())
    }

    async fn dial(&self, address: CheckedAddress) -> std::io::Result<TcpStream> {
        self.dialed.lock().unwrap().push(address.get());
        if self.unreachable.lock().unwrap().contains(&address.get().ip()) {
            return Err(std::io::ErrorKind::ConnectionRefused.into());
        }
        TcpStream::connect(self.listener).await
    }
}

impl DocumentHost {
    /// A website at `app.example` that publishes [`document`].
    pub(crate) async fn start() -> Self {
        let key = rcgen::generate_simple_self_signed(["app.example".to_owned()]).unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], secret)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = TestNetwork {
            listener: listener.local_addr().unwrap(),
            names: Mutex::default(),
            resolved: Mutex::default(),
            dialed: Mutex::default(),
            unreachable: Mutex::default(),
        };
        let manners = Arc::new(Mutex::new(Manners::Answer(ok(&document(CLIENT).to_string(), ""))));
        let requests = Arc::default();
        tokio::spawn(listen(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&manners),
            Arc::clone(&requests),
        ));
        let host = Self { network: Arc::new(network), manners, requests, certificate: key.cert.pem() };
        host.resolves("app.example", &[&[PUBLIC]]);
        host
    }

    /// What the DNS says of `name`: one answer after the other, the last one for ever.
    pub(crate) fn resolves(&self, name: &str, answers: &[&[&str]]) {
        let answers = answers.iter().map(|answer| answer.iter().map(|it| it.parse().unwrap()).collect());
        self.network.names.lock().unwrap().insert(name.to_owned(), answers.collect());
    }

    /// From now on nobody answers at `address`.
    pub(crate) fn is_not_at(&self, address: &str) {
        self.network.unreachable.lock().unwrap().push(address.parse().unwrap());
    }

    pub(crate) fn behaves(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }

    /// Publishes this document, with these extra lines in the head.
    pub(crate) fn publishes(&self, document: &Value, head: &str) {
        self.behaves(Manners::Answer(ok(&document.to_string(), head)));
    }

    pub(crate) fn outbound(&self) -> Outbound {
        let roots = Roots::default().and(self.certificate.as_bytes()).unwrap();
        Outbound::new(Arc::clone(&self.network) as _, roots).unwrap()
    }

    pub(crate) fn documents(&self, rules: DocumentRules) -> Documents {
        Documents::new(self.outbound(), rules)
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Every name that was asked for.
    pub(crate) fn resolved(&self) -> Vec<String> {
        self.network.resolved.lock().unwrap().clone()
    }

    /// Every address that was connected to.
    pub(crate) fn dialed(&self) -> Vec<String> {
        self.network.dialed.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

/// What a client publishes at `url`.
pub(crate) fn document(url: &str) -> Value {
    json!({
        "client_id": url,
        "client_name": "Published App",
        "redirect_uris": [CALLBACK, "http://localhost/cb"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    })
}

/// An answer with a JSON body.
pub(crate) fn ok(body: &str, head: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{head}\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

async fn listen(
    listener: TcpListener,
    tls: TlsAcceptor,
    manners: Arc<Mutex<Manners>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let manners = manners.lock().unwrap().clone();
        tokio::spawn(serve(stream, tls.clone(), manners, Arc::clone(&requests)));
    }
}

/// Errors are the client's right to leave.
async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    manners: Manners,
    requests: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    if matches!(manners, Manners::NoTls) {
        return Ok(());
    }
    let mut stream = tls.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    requests.lock().unwrap().push(String::from_utf8(head).unwrap());
    match manners {
        Manners::Answer(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Manners::Silence => std::future::pending().await,
        Manners::Drip => {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n").await?;
            loop {
                seconds.tick().await;
                stream.write_all(b" ").await?;
                stream.flush().await?;
            }
        }
        Manners::Hangup | Manners::NoTls => Ok(()),
    }
}
