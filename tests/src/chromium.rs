//! A person before a real Chromium: what [`crate::browser`] only reads, this one runs, with its rules for cookies, forms and
//! content security policies.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use url::Url;

use crate::driven::Driven;
use crate::gateway::{Gateway, repository};
use crate::oauth::REDIRECT_URI;

/// One person with one browser, which knows nobody yet. Dropping it ends it.
#[derive(Debug)]
pub struct Chromium {
    driver: Driven,
    _profile: TempDir,
}

/// A page as its user has it before them.
#[derive(Debug)]
pub struct Sight {
    /// Where it is.
    pub url: Url,
    /// The HTTP status it came with.
    pub status: u64,
    /// What can be read on it.
    pub text: String,
    /// Its HTML.
    pub html: String,
}

impl Chromium {
    /// Starts a browser.
    #[must_use]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let root = repository();
        let mut node = Command::new("node");
        node.arg(root.join("tests/clients/browser/browser.mjs"))
            .arg(root.join(".tools/bin/chromium"))
            .env("TMPDIR", profile.path());
        Self { driver: Driven::start(node), _profile: profile }
    }

    /// Opens `url`.
    pub async fn open(&mut self, url: &str) {
        self.driver.run(&json!({ "do": "open", "url": url })).await;
    }

    /// Presses the button or the link that is called so, as soon as there is one.
    pub async fn press(&mut self, name: &str) {
        self.driver.run(&json!({ "do": "press", "name": name })).await;
    }

    /// Types `text` into the field with this label.
    pub async fn type_into(&mut self, label: &str, text: &str) {
        self.driver.run(&json!({ "do": "type", "label": label, "text": text })).await;
    }

    /// Waits for the page with this heading.
    pub async fn sees(&mut self, heading: &str) -> Sight {
        let seen = self.driver.run(&json!({ "do": "see", "heading": heading })).await;
        let text = |name| seen.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Sight {
            url: Url::parse(&text("url")).expect("an address"),
            status: seen.get("status").and_then(Value::as_u64).expect("a status"),
            text: text("text"),
            html: text("html"),
        }
    }

    /// Waits until the browser is sent to an address that begins so; gives all of it.
    pub async fn is_sent_to(&mut self, address: &str) -> Url {
        let url = self.driver.run(&json!({ "do": "leave", "address": address })).await;
        Url::parse(url.as_str().expect("an address")).expect("an address")
    }

    /// Waits until the browser is sent back to the client of a test.
    pub async fn is_sent_to_the_client(&mut self) -> Url {
        self.is_sent_to(REDIRECT_URI).await
    }

    /// From the choice page of a request to the consent page, as a user of GitHub.
    pub async fn sign_in_with_github(&mut self, url: &str, login: &str) {
        self.open(url).await;
        self.press("Continue with GitHub").await;
        self.press(login).await;
    }

    /// The same as a local user with this password.
    pub async fn sign_in_with_password(&mut self, gateway: &Gateway, url: &str) {
        self.open(url).await;
        self.type_into("Name", "admin").await;
        self.type_into("Password", gateway.password()).await;
        self.press("Sign in").await;
    }

    /// Makes a picture of the page, as a PNG.
    pub async fn look(&mut self, path: &Path, dark: bool, width: u32) {
        self.driver.run(&json!({ "do": "look", "path": path, "dark": dark, "width": width })).await;
    }

    /// Ends the browser, which must have had nothing to complain about.
    pub async fn close(mut self) {
        let complaints = self.driver.run(&json!({ "do": "close" })).await;
        assert_eq!(complaints, json!([]), "what Chromium did not let a page do");
        self.driver.end().await;
    }
}
