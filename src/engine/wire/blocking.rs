//! The child's side: blocking reads and writes.

use std::{
    io::{self, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    cmsg_space,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg},
};

use super::{
    FromChild, MAX_FRAME_BYTES, ToChild,
    frame::{CHUNK_BYTES, HEADER_BYTES, body_length, decode, encode, malformed},
};

/// The next message and the descriptors that came with it; `None` once the server has closed its end.
pub(in crate::engine) fn receive(socket: &UnixStream) -> io::Result<Option<(ToChild, Vec<OwnedFd>)>> {
    let Some((header, descriptors)) = receive_header(socket)? else { return Ok(None) };
    let length = body_length(header, MAX_FRAME_BYTES as usize)?;
    let mut body = Vec::with_capacity(length.min(CHUNK_BYTES));
    let mut stream = socket;
    (&mut stream).take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((decode(&body)?, descriptors)))
}

/// Sends one message, whole.
pub(in crate::engine) fn send(mut socket: &UnixStream, message: &FromChild) -> io::Result<()> {
    socket.write_all(&encode(message)?)
}

/// Reads exactly one header. Descriptors belong to the frame because no read crosses a frame's end.
fn receive_header(socket: &UnixStream) -> io::Result<Option<([u8; HEADER_BYTES], Vec<OwnedFd>)>> {
    let mut header = [0; HEADER_BYTES];
    let mut filled = 0;
    let mut descriptors = Vec::new();
    while filled < HEADER_BYTES {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(253))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut header[filled..])];
        let received = match recvmsg(socket.as_fd(), &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(malformed("descriptors were lost on the way"));
        }
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        match received.bytes {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => filled += bytes,
        }
    }
    Ok(Some((header, descriptors)))
}
