//! Keys of ssh, and the base64 that they and the guest agent are written in.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::programs::{at, output};

/// Makes an Ed25519 key pair, `FILE` and `FILE.pub`, where there is none.
///
/// # Errors
/// When `ssh-keygen` is missing or fails.
pub fn make(file: &Path, comment: &str) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(file)).map(drop)
}

/// Type and key of a public key file, as a line of `known_hosts` wants them.
///
/// # Errors
/// When it can not be read.
pub fn public(file: &Path) -> Result<String> {
    let file = file.with_extension("pub");
    let text = std::fs::read_to_string(&file).map_err(at(&file))?;
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// An Ed25519 key of OpenSSH (PROTOCOL.key, without a password) in the form that dropbear keeps its host key in:
/// the kind of key, then the secret and the public half as one string.
///
/// # Errors
/// When it is another kind of key.
pub fn for_dropbear(file: &Path) -> Result<Vec<u8>> {
    let text = std::fs::read_to_string(file).map_err(at(file))?;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let bytes = decode(&body);
    let other = || format!("{} is not an Ed25519 key without a password", file.display());
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0").ok_or_else(other)?;
    // Cipher, its derivation and its options; then the number of keys and the public one.
    for _ in 0..3 {
        string(&mut rest).ok_or_else(other)?;
    }
    rest = rest.get(4..).ok_or_else(other)?;
    string(&mut rest).ok_or_else(other)?;
    let mut secret = string(&mut rest).ok_or_else(other)?;
    secret = secret.get(8..).ok_or_else(other)?;
    let kind = string(&mut secret).ok_or_else(other)?;
    string(&mut secret).ok_or_else(other)?;
    let pair = string(&mut secret).filter(|pair| pair.len() == 64).ok_or_else(other)?;
    let mut key = Vec::new();
    for part in [kind, pair] {
        key.extend_from_slice(&u32::try_from(part.len()).unwrap_or_default().to_be_bytes());
        key.extend_from_slice(part);
    }
    Ok(key)
}

/// A string of the ssh protocol: four bytes of length, then as many bytes.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 of bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().fold(0_u32, |three, byte| three << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..4 {
            let letter = usize::try_from(three >> (18 - 6 * n) & 63).unwrap_or_default();
            text.push(if n <= chunk.len() { char::from(LETTERS[letter]) } else { '=' });
        }
    }
    text
}

/// The bytes of a base64 text; what is no letter of it is passed over.
pub fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let Some(value) = LETTERS.iter().position(|known| *known == letter) else { continue };
        bits = bits << 6 | u32::try_from(value).unwrap_or_default();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 255) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[cfg(test)]
#[test]
fn base64_goes_there_and_back() {
    for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar", "ä \u{1f980}"] {
        assert_eq!(decode(&encode(text.as_bytes())), text.as_bytes());
    }
    assert_eq!(encode(b"fooba"), "Zm9vYmE=");
}
