//! A server with a certificate of one's own: trusted where the authority is named, and nowhere else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use projector::batch::Stream;
use projector::store::Store;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use store_postgres::config::PostgresConfig;
use store_postgres::store::PostgresStore;

use crate::subject::Databases;

/// An authority: its certificate, and what it signs with.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let (mut params, key) = (CertificateParams::new(Vec::new()).unwrap(), KeyPair::generate().unwrap());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}

/// What a connection comes to: the server's word, or ours.
fn connect(url: &str, ca_file: Option<&PathBuf>) -> Result<PostgresStore, String> {
    let mut store = PostgresStore::open(PostgresConfig::new(url, ca_file).unwrap(), Stream::Reference).unwrap();
    match store.checkpoint(Stream::Reference) {
        Ok(_) => Ok(store),
        Err(_) => Err(store.trouble().unwrap().to_owned()),
    }
}

#[test]
fn a_certificate_is_checked_against_the_authority_that_is_named() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = |name: &str, pem: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    };
    let ((ours, issuer), (theirs, _)) = (authority(), authority());
    let (ours, theirs) = (file("ours.pem", &ours), file("theirs.pem", &theirs));
    let databases = Databases::quick();
    let url = |options: &str| format!("{}?{options}", databases.server.url(&databases.make()));

    let refused = connect(&url("sslmode=require"), Some(&ours)).unwrap_err();
    assert!(refused.contains("TLS"), "a server without TLS: {refused}");

    let key = KeyPair::generate().unwrap();
    let of_server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    databases.server.put_data_file("server.crt", &of_server.pem()).unwrap();
    databases.server.put_data_file("server.key", &key.serialize_pem()).unwrap();
    databases.server.query("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
    databases.server.query("postgres", "SELECT pg_reload_conf()").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while databases.server.query("postgres", "SHOW ssl").unwrap() != "on" {
        assert!(Instant::now() < deadline, "{}", databases.server.logged());
    }

    let trusted = connect(&url("sslmode=require"), Some(&ours)).unwrap();
    let encrypted = "SELECT s.ssl FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid)
                     WHERE a.application_name = 'buttonwood reference'";
    assert_eq!(databases.server.query("postgres", encrypted).unwrap(), "t");
    drop(trusted);
    for ca_file in [Some(&theirs), None] {
        let refused = connect(&url("sslmode=require"), ca_file).unwrap_err();
        assert!(refused.contains("certificate"), "{ca_file:?}: {refused}");
    }
    // Trusted, but it is not who it should be.
    let elsewhere = url("sslmode=require").replace("127.0.0.1", "localhost");
    let refused = connect(&elsewhere, Some(&ours)).unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
}
