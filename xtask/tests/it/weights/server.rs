//! A server on loopback that truncates, lies, stalls and redirects.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How the server answers a request for the file.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Answer {
    /// All of it, or what follows the byte that is asked for.
    Whole,
    /// So many bytes of what was promised, then the connection closes.
    Cut(usize),
    /// So many bytes, then nothing for ever.
    Stall(usize),
    /// All of it, whatever byte is asked for.
    NoRange,
    /// As `NoRange`, cut.
    NoRangeCut(usize),
    /// Other bytes of the same length.
    Other,
    /// The file is elsewhere.
    Redirect,
    Missing,
}

/// A server that gives one answer after another, the last one for ever.
pub(super) struct Server {
    /// `http://` and where it listens.
    pub(super) address: String,
    /// The byte that each request asked for.
    pub(super) asked: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    /// Listens on a port of the system's choice.
    pub(super) fn new(content: &[u8], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, content, answers) = (Arc::clone(&asked), content.to_vec(), answers.to_vec());
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let answer = answers[index.min(answers.len() - 1)];
                let (log, content) = (Arc::clone(&log), content.clone());
                // a client that goes away is what some tests are about
                std::thread::spawn(move || drop(serve(stream.unwrap(), answer, &content, &log)));
            }
        });
        Self { address, asked }
    }

    /// What was asked for so far.
    pub(super) fn asked(&self) -> Vec<Option<usize>> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    answer: Answer,
    content: &[u8],
    asked: &Mutex<Vec<Option<usize>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let start = range.map(|range| range.trim_end_matches('-').parse().unwrap());
    asked.lock().unwrap().push(start);
    let start = match answer {
        Answer::NoRange | Answer::NoRangeCut(_) => 0,
        _ => start.unwrap_or(0),
    };
    let (total, close) = (content.len(), "Connection: close\r\n");
    match answer {
        Answer::Missing => {
            return write!(
                stream,
                "HTTP/1.1 404 Not Found\r\n{close}Content-Length: 4\r\n\r\ngone"
            );
        }
        Answer::Redirect => {
            return write!(
                stream,
                "HTTP/1.1 302 Found\r\n{close}Location: /elsewhere\r\nContent-Length: 0\r\n\r\n"
            );
        }
        _ if start > 0 && start >= total => {
            return write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\n{close}Content-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n"
            );
        }
        _ if start > 0 => {
            let left = total - start;
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\n{close}Content-Length: {left}\r\nContent-Range: bytes {start}-{}/{total}\r\n\r\n",
                total - 1
            )?;
        }
        _ => write!(stream, "HTTP/1.1 200 OK\r\n{close}Content-Length: {total}\r\n\r\n")?,
    }
    let body: Vec<u8> = match answer {
        Answer::Other => content[start..].iter().map(|byte| byte ^ 1).collect(),
        Answer::Cut(n) | Answer::Stall(n) | Answer::NoRangeCut(n) => {
            content[start..].iter().copied().take(n).collect()
        }
        _ => content[start..].to_vec(),
    };
    stream.write_all(&body)?;
    if matches!(answer, Answer::Stall(_)) {
        // ends when the client does
        stream.read_exact(&mut [0])?;
    }
    Ok(())
}
