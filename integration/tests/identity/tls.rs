//! An authority, the certificates it signs, and a client that presents one over TLS.

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use lab::Answer;
use lab::wait::DEADLINE;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// What both sides trust.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// With a fresh key.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    /// A client's certificate.
    pub(crate) fn client(&self, uri: &str, common_name: &str, unit: &str) -> Identity {
        let mut params = CertificateParams::new(vec!["client.example".to_owned()]).expect("a DNS name");
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        self.sign(params)
    }

    /// Envoy's side of TLS, for a filter chain. Clients may come without a certificate; one that they bring must be ours.
    pub(crate) fn downstream(&self) -> Value {
        let server = self.sign(CertificateParams::new(vec!["localhost".to_owned()]).expect("a DNS name"));
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": false,
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": {"inline_string": server.certificate.pem()},
                        "private_key": {"inline_string": server.key.serialize_pem()},
                    }],
                    "validation_context": {"trusted_ca": {"inline_string": self.0.pem()}},
                },
            },
        })
    }

    /// A chat completion over TLS, with a certificate or without; `Err` where Envoy hangs up.
    pub(crate) async fn chat(
        &self,
        addr: SocketAddr,
        identity: Option<&Identity>,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, Box<dyn std::error::Error>> {
        let tcp = tokio::net::TcpStream::connect(addr).await?;
        let name = ServerName::try_from("localhost")?;
        let tls = TlsConnector::from(Arc::new(self.config(identity))).connect(name, tcp).await?;
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
        let driver = tokio::spawn(driver);
        let mut request = hyper::Request::post("/v1/chat/completions")
            .header("host", "localhost")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(bytes::Bytes::from(body.to_string())))?;
        let response = timeout(DEADLINE, sender.send_request(request)).await??;
        let (parts, body) = response.into_parts();
        let body = timeout(DEADLINE, body.collect()).await??.to_bytes();
        driver.abort();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn config(&self, identity: Option<&Identity>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("our own authority");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks them")
            .with_root_certificates(roots);
        match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
                let chain = vec![identity.certificate.der().clone()];
                config.with_client_auth_cert(chain, key).expect("they belong together")
            }
        }
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate, key }
    }
}
