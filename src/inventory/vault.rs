//! Ansible Vault: texts encrypted with AES-256 in counter mode under a password.
//!
//! The format is documented at
//! <https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html#format-of-files-encrypted-with-ansible-vault>:
//! a header `$ANSIBLE_VAULT;1.1;AES256` or `$ANSIBLE_VAULT;1.2;AES256;label`, then hexadecimal lines that hold salt,
//! HMAC and ciphertext, each hexadecimal again. Key, HMAC key and counter come from PBKDF2 with SHA-256 and 10,000
//! rounds.

use std::fmt;

use aes::Aes256;
use cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{errors, paths};
use crate::diag::Diagnostic;
use crate::text::{Files, Programs, Purpose, is_program};

/// How every encrypted text begins.
const HEADER: &str = "$ANSIBLE_VAULT";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;

/// The passwords that open vaults. It shows none of them.
#[derive(Clone, Default)]
pub struct VaultKeys {
    keys: Vec<VaultKey>,
}

#[derive(Clone)]
struct VaultKey {
    label: Option<String>,
    password: Vec<u8>,
}

impl fmt::Debug for VaultKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultKeys({})", self.keys.len())
    }
}

impl VaultKeys {
    /// No passwords.
    pub const fn new() -> Self {
        VaultKeys { keys: Vec::new() }
    }

    /// Whether there is no password at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// One more password, as a file holds it: space around it does not count. With a label it is tried first for
    /// vaults that carry the label (`--vault-id label@file`).
    pub fn add(&mut self, label: Option<&str>, password: &[u8]) {
        let password = password.trim_ascii().to_vec();
        self.keys.push(VaultKey { label: label.map(str::to_string), password });
    }

    /// One more password from a file (`--vault-password-file`), or from a program that prints it.
    ///
    /// # Errors
    /// Where the file is not there or is empty, and where a program may not be run or fails.
    pub fn add_file(
        &mut self,
        files: &dyn Files,
        programs: &dyn Programs,
        label: Option<&str>,
        path: &str,
    ) -> Result<(), Box<Diagnostic>> {
        let unreadable = |error| Box::new(errors::unreadable(&error));
        let Some(bytes) = files.read(path).map_err(unreadable)? else {
            return Err(errors::vault_password_missing(path));
        };
        let beside = files.list(paths::folder(path)).map_err(unreadable)?;
        let entry = beside.into_iter().flatten().find(|entry| entry.name == paths::name(path));
        let is_executable = entry.is_some_and(|entry| entry.is_executable);
        if is_executable && is_program(&bytes) {
            let password = printed(programs, label, path)?;
            self.keys.push(VaultKey { label: label.map(str::to_string), password });
            return Ok(());
        }
        if bytes.starts_with(b"#!") {
            return Err(errors::vault_program_not_executable(path));
        }
        if bytes.trim_ascii().is_empty() {
            return Err(errors::vault_password_empty(path, false));
        }
        self.add(label, &bytes);
        Ok(())
    }

    /// The text of a vault.
    pub(super) fn open(&self, text: &str) -> Result<String, Closed> {
        let vault = Vault::read(text)?;
        if self.keys.is_empty() {
            return Err(Closed::NoPassword { label: vault.label.map(str::to_string) });
        }
        let fits = |key: &&VaultKey| vault.label.is_some() && key.label.as_deref() == vault.label;
        let first = self.keys.iter().filter(fits);
        let rest = self.keys.iter().filter(|key| !fits(key));
        for key in first.chain(rest) {
            if let Some(plain) = vault.decrypt(&key.password)? {
                return String::from_utf8(plain).map_err(|_| Closed::Damaged("what it holds is not UTF-8 text"));
            }
        }
        Err(Closed::WrongPassword { label: vault.label.map(str::to_string) })
    }
}

/// The password that a program prints: its output without line ends. One whose name ends in `-client` is told which
/// label is meant (`ClientScriptVaultSecret` of Ansible's `parsing/vault`).
fn printed(programs: &dyn Programs, label: Option<&str>, path: &str) -> Result<Vec<u8>, Box<Diagnostic>> {
    let name = paths::name(path);
    let stem = name.strip_suffix(paths::ending(name)).unwrap_or(name);
    let client = ["--vault-id", label.unwrap_or("default")];
    let arguments: &[&str] = if stem.ends_with("-client") { &client } else { &[] };
    let output = programs.run(path, arguments, Purpose::Password).map_err(|refusal| {
        let words: Vec<&str> = std::iter::once(path).chain(arguments.iter().copied()).collect();
        errors::vault_program(path, &words.join(" "), &refusal)
    })?;
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let from = output.iter().position(|byte| !is_end(byte)).unwrap_or(output.len());
    let to = output.iter().rposition(|byte| !is_end(byte)).map_or(from, |last| last + 1);
    match &output[from..to] {
        [] => Err(errors::vault_password_empty(path, true)),
        password => Ok(password.to_vec()),
    }
}

/// Why a vault stays closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// There is no password at all.
    NoPassword { label: Option<String> },
    /// None of the passwords is the right one.
    WrongPassword { label: Option<String> },
    /// The text is no vault, or not a whole one.
    Damaged(&'static str),
    /// It is encrypted in a way that is not known here.
    Cipher(String),
}

/// Whether a file or a value is encrypted.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(HEADER.as_bytes())
}

/// An encrypted text taken apart.
struct Vault<'a> {
    label: Option<&'a str>,
    salt: Vec<u8>,
    code: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl<'a> Vault<'a> {
    fn read(text: &'a str) -> Result<Self, Closed> {
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().trim().split(';').map(str::trim).collect();
        if header.first() != Some(&HEADER) {
            return Err(Closed::Damaged("it does not begin with `$ANSIBLE_VAULT`"));
        }
        match header.get(2) {
            Some(&"AES256") => {}
            Some(other) => return Err(Closed::Cipher((*other).to_string())),
            None => return Err(Closed::Damaged("its first line names no cipher")),
        }
        let body: String = lines.map(str::trim).collect();
        let inner = hex(body.as_bytes()).ok_or(Closed::Damaged("its lines are not hexadecimal"))?;
        let mut parts = inner.splitn(3, |byte| *byte == b'\n');
        let mut part = || parts.next().and_then(hex).ok_or(Closed::Damaged("it is not whole"));
        let (salt, code, ciphertext) = (part()?, part()?, part()?);
        Ok(Vault { label: header.get(3).copied().filter(|label| !label.is_empty()), salt, code, ciphertext })
    }

    /// The text under this password; `None` where it is another.
    fn decrypt(&self, password: &[u8]) -> Result<Option<Vec<u8>>, Closed> {
        let mut keys = [0u8; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, ROUNDS, &mut keys);
        let (key, rest) = keys.split_at(32);
        let (code_key, counter) = rest.split_at(32);
        let unusable = |_| Closed::Damaged("its key can not be used");
        let mut code = Hmac::<Sha256>::new_from_slice(code_key).map_err(unusable)?;
        code.update(&self.ciphertext);
        if code.verify_slice(&self.code).is_err() {
            return Ok(None);
        }
        let mut plain = self.ciphertext.clone();
        let mut cipher = Ctr128BE::<Aes256>::new_from_slices(key, counter).map_err(unusable)?;
        cipher.apply_keystream(&mut plain);
        let padding = plain.last().map_or(0, |byte| usize::from(*byte));
        if padding == 0 || padding > BLOCK || padding > plain.len() {
            return Err(Closed::Damaged("its padding is wrong"));
        }
        plain.truncate(plain.len() - padding);
        Ok(Some(plain))
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16);
    digits.chunks_exact(2).map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}
