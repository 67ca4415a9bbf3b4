//! Replies out of the bytes that come over a connection.

use std::fmt;

use memchr::memmem;

use super::request::Greeting;

/// The longest part of a stream that is kept, in bytes; the courier sends one more when there is more.
pub(super) const CAP: usize = 1 << 20;

/// The longest head of a frame; the names of a claim's run and holder are the longest things in one.
const LONGEST_HEAD: usize = 4096;

/// What the courier says.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// It runs, on this boot and as this user.
    Hello {
        /// What a connection proves.
        greeting: Greeting,
        /// The numeric user; empty where the host does not tell.
        uid: String,
    },
    /// It found no folder that it can write to.
    NoRoom,
    /// A command ended.
    Reply(Ended),
    /// Something else is said about a request, in words.
    Words {
        /// The request's id.
        id: u64,
        /// What.
        words: Vec<String>,
    },
}

/// A command that ended, its output capped.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ended {
    /// The request's id.
    pub(super) id: u64,
    /// The exit status.
    pub(super) code: i32,
    /// Standard output.
    pub(super) stdout: Vec<u8>,
    /// Standard error.
    pub(super) stderr: Vec<u8>,
    /// Whether a stream was longer than [`CAP`].
    pub(super) truncated: bool,
}

/// The host says something that is not the protocol.
#[derive(Debug, PartialEq)]
pub(super) struct Broken(&'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Takes bytes as they come and gives whole frames.
pub(super) struct Frames {
    mark: Vec<u8>,
    bytes: Vec<u8>,
    /// No mark begins before this place.
    searched: usize,
    within: Within,
}

enum Within {
    Nothing,
    Stdout { id: u64, code: i32 },
    Stderr { id: u64, code: i32, stdout: Vec<u8> },
}

impl Frames {
    /// For the connection with this nonce. What comes before its first mark is noise of the login and is dropped.
    pub(super) fn new(nonce: &str) -> Self {
        // A login that prints without a newline at its end, or nothing at all, is why every mark begins with one.
        Frames { mark: format!("\n{nonce} ").into_bytes(), bytes: Vec::new(), searched: 0, within: Within::Nothing }
    }

    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is here.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Broken> {
        loop {
            let Some(found) = memmem::find(&self.bytes[self.searched..], &self.mark) else {
                self.searched = self.bytes.len().saturating_sub(self.mark.len() - 1);
                return self.nothing_yet();
            };
            let start = self.searched + found;
            let head = start + self.mark.len();
            let Some(length) = memchr::memchr(b'\n', &self.bytes[head..]) else {
                self.searched = start;
                return if self.bytes.len() - head > LONGEST_HEAD {
                    Err(Broken("a head without an end"))
                } else {
                    Ok(None)
                };
            };
            let text = String::from_utf8_lossy(&self.bytes[head..head + length]).into_owned();
            let before: Vec<u8> = self.bytes[..start].to_vec();
            // The newline that ends this head may be the one that begins the next mark's line.
            self.bytes.drain(..head + length + 1);
            self.searched = 0;
            if let Some(frame) = self.mark_found(&text, before)? {
                return Ok(Some(frame));
            }
        }
    }

    fn nothing_yet(&mut self) -> Result<Option<Frame>, Broken> {
        match self.within {
            Within::Nothing => {
                self.bytes.drain(..self.searched);
                self.searched = 0;
                Ok(None)
            }
            _ if self.bytes.len() > CAP + 1 + self.mark.len() + LONGEST_HEAD => Err(Broken("a stream without an end")),
            _ => Ok(None),
        }
    }

    fn mark_found(&mut self, text: &str, before: Vec<u8>) -> Result<Option<Frame>, Broken> {
        let words: Vec<&str> = text.split(' ').collect();
        match (std::mem::replace(&mut self.within, Within::Nothing), words.as_slice()) {
            (Within::Nothing, ["r", id, code]) => {
                let (Ok(id), Ok(code)) = (id.parse(), code.parse()) else {
                    return Err(Broken("a reply without its number"));
                };
                self.within = Within::Stdout { id, code };
                Ok(None)
            }
            (Within::Stdout { id, code }, ["s", again]) if again.parse() == Ok(id) => {
                self.within = Within::Stderr { id, code, stdout: before };
                Ok(None)
            }
            (Within::Stderr { id, code, stdout }, ["e", again]) if again.parse() == Ok(id) => {
                let (mut stdout, mut stderr) = (stdout, before);
                let truncated = stdout.len() > CAP || stderr.len() > CAP;
                stdout.truncate(CAP);
                stderr.truncate(CAP);
                Ok(Some(Frame::Reply(Ended { id, code, stdout, stderr, truncated })))
            }
            (Within::Nothing, ["hello", "1", boot, uptime, uid, user @ ..]) => {
                let known = |word: &str| if word == "-" { String::new() } else { word.to_string() };
                let greeting =
                    Greeting { boot_id: known(boot), uptime: uptime.parse().unwrap_or(0.0), user: user.join(" ") };
                Ok(Some(Frame::Hello { greeting, uid: known(uid) }))
            }
            (Within::Nothing, ["a", id, words @ ..]) => match id.parse() {
                Ok(id) => Ok(Some(Frame::Words { id, words: words.iter().map(ToString::to_string).collect() })),
                Err(_) => Err(Broken("an answer without its number")),
            },
            (Within::Nothing, ["no-room"]) => Ok(Some(Frame::NoRoom)),
            _ => Err(Broken("a mark out of its order")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Result<Vec<Frame>, Broken> {
        let mut frames = Frames::new("N0");
        let mut found = Vec::new();
        for piece in pieces {
            frames.push(piece);
            while let Some(frame) = frames.next()? {
                found.push(frame);
            }
        }
        Ok(found)
    }

    const TALK: &[u8] = b"Welcome!\nno newline\nN0 hello 1 b00t 12.50 0 root\n\nN0 r 3 7\nout\n\nN0 s 3\n\nN0 e 3\n\
                          \nN0 r 4 0\n\n\nN0 s 4\nerr\0\nN0 e 4\n";

    #[test]
    fn frames_are_the_same_however_the_bytes_come() {
        let whole = all(&[TALK]).unwrap();
        assert_eq!(
            whole,
            [
                Frame::Hello {
                    greeting: Greeting { boot_id: "b00t".into(), uptime: 12.5, user: "root".into() },
                    uid: "0".into()
                },
                Frame::Reply(Ended { id: 3, code: 7, stdout: b"out\n".to_vec(), ..Ended::default() }),
                Frame::Reply(Ended { id: 4, stdout: b"\n".to_vec(), stderr: b"err\0".to_vec(), ..Ended::default() }),
            ]
        );
        for size in 1..20 {
            let pieces: Vec<&[u8]> = TALK.chunks(size).collect();
            assert_eq!(all(&pieces).unwrap(), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn a_reply_counts_only_when_it_is_whole() {
        let cut = TALK.len() - 1;
        assert_eq!(all(&[&TALK[..cut]]).unwrap().len(), 2);
    }

    #[test]
    fn a_reply_with_another_id_inside_is_no_reply() {
        assert!(all(&[b"\nN0 r 3 0\n\nN0 s 4\n\nN0 e 3\n"]).is_err());
        assert!(all(&[b"\nN0 s 3\n"]).is_err());
    }

    #[test]
    fn a_stream_is_capped_and_says_so() {
        let mut talk = b"\nN0 r 1 0\n".to_vec();
        talk.extend(std::iter::repeat_n(b'x', CAP + 1));
        talk.extend_from_slice(b"\nN0 s 1\n\nN0 e 1\n");
        let Some(Frame::Reply(reply)) = all(&[&talk]).unwrap().pop() else { panic!("no reply") };
        assert_eq!((reply.stdout.len(), reply.truncated), (CAP, true));
    }

    #[test]
    fn a_stream_that_never_ends_is_not_kept() {
        let mut talk = b"\nN0 r 1 0\n".to_vec();
        talk.extend(std::iter::repeat_n(b'x', 2 * CAP));
        assert!(all(&[&talk]).is_err());
    }

    #[test]
    fn noise_is_not_kept() {
        let mut frames = Frames::new("N0");
        for _ in 0..1000 {
            frames.push(&[b'x'; 1000]);
            assert_eq!(frames.next(), Ok(None));
        }
        assert!(frames.bytes.len() < 10);
    }
}
