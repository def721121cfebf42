//! A bomb, a lie and a truncation of each kind of recording: refused, with the engines alive.

use std::time::{Duration, Instant};

use super::{BROWSERS, KINDS, SAID, fixture};
use crate::support::{
    api::{Answer, Api},
    server,
    speech::{converted, patched, spoken},
};

/// The longest that a refusal may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends it and returns the refusal's words.
async fn refused(api: &Api, what: &str, recording: Vec<u8>) -> String {
    let start = Instant::now();
    let answer = api.hear(recording).await;
    assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    assert!(start.elapsed() < PATIENCE, "{what}: {:?}", start.elapsed());
    let detail = answer.problem()["detail"].as_str().unwrap_or_default().to_owned();
    println!("{what} ({:.1} s): {detail}", start.elapsed().as_secs_f64());
    detail
}

/// Where bytes are found first.
fn place(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap_or_else(|| panic!("no {needle:?}"))
}

#[tokio::test]
async fn a_recording_that_was_cut_short_is_refused_where_its_container_knows_its_end() {
    let server = server::shared().await;
    let api = server.api();
    let engines = api.engines().await;
    let speech = spoken(SAID);
    for kind in KINDS {
        let whole = kind.make(&speech);
        for percent in [3, 50, 80] {
            let cut = whole[..whole.len() * percent / 100].to_vec();
            let what = format!("{} cut to {percent} %", kind.name);
            let answer = api.hear(cut).await;
            println!("{what}: {} {}", answer.status, detail(&answer));
            if kind.knows_its_end {
                assert_eq!(answer.status, 422, "{what}: {}", answer.text());
            } else {
                assert!([200, 422].contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
                assert!(percent == 3 || answer.status == 200, "{what}: what is there is heard: {}", answer.text());
            }
        }
    }
    for (name, _, _) in BROWSERS {
        let whole = fixture(name);
        let answer = api.hear(whole[..whole.len() / 2].to_vec()).await;
        println!("{name} cut to 50 %: {} {}", answer.status, detail(&answer));
        assert!([200, 422].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
    }
    assert_eq!(api.engines().await, engines, "an engine was restarted");
}

fn detail(answer: &Answer) -> String {
    if answer.status == 200 { answer.json()["text"].to_string() } else { answer.problem()["detail"].to_string() }
}

#[tokio::test]
async fn what_is_not_taken_is_refused_by_its_name() {
    let server = server::shared().await;
    let api = server.api();
    let speech = spoken(SAID);
    let video = converted(&speech, "-f lavfi -i color=s=32x32:d=1 -map 1:v -c:v libvpx -f webm");
    let made = [
        ("Apple Lossless", "ALAC", converted(&speech, "-c:a alac -f ipod")),
        ("AC-3", "AC-3", converted(&speech, "-c:a ac3 -f mp4")),
        ("Windows Media", "WMA", converted(&speech, "-c:a wmav2 -f asf")),
        ("5.1 Opus", "6 channels", converted(&speech, "-ac 6 -c:a libopus -f ogg")),
        ("MP2", "MPEG layer I or II", converted(&speech, "-c:a mp2 -f mp2")),
        ("ADPCM", "ADPCM", converted(&speech, "-c:a adpcm_ima_wav -f wav")),
        ("AIFF", "AIFF", converted(&speech, "-f aiff")),
        ("pictures alone", "no sound", video),
        ("AMR", "AMR", b"#!AMR\n\x3c\x08\x55\x96".to_vec()),
        ("AMR in 3GP", "AMR", renamed(&speech, b"samr")),
        ("encrypted M4A", "encrypted", renamed(&speech, b"enca")),
        ("HE-AAC", "HE-AAC", high_efficiency(&speech)),
    ];
    for (what, needle, recording) in made {
        let detail = refused(&api, what, recording).await;
        assert!(detail.contains(needle), "{what}: {detail}");
    }
}

/// An M4A file whose track says that it is something else.
fn renamed(speech: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let whole = converted(speech, "-c:a aac -f ipod");
    let at = place(&whole, b"mp4a");
    patched(&whole, &[(at, kind)])
}

/// An M4A file whose configuration (five bits of its descriptor 5) says HE-AAC.
fn high_efficiency(speech: &[u8]) -> Vec<u8> {
    let whole = converted(speech, "-c:a aac -f ipod");
    let descriptor = place(&whole, b"esds");
    // The tag, four bytes of length, then the configuration.
    let at = descriptor + place(&whole[descriptor..], &[0x05, 0x80, 0x80, 0x80]) + 5;
    let first = whole[at] & 0x07 | 5 << 3;
    patched(&whole, &[(at, &[first])])
}

#[tokio::test]
async fn bombs_and_lies_are_refused_and_the_engines_live() {
    let server = server::shared().await;
    let api = server.api();
    let engines = api.engines().await;
    let speech = spoken(SAID);
    for (what, recording) in long_ones(&speech) {
        let detail = refused(&api, what, recording).await;
        assert!(detail.contains("at most 60 minutes"), "{what}: {detail}");
    }
    for (what, recording) in lies(&speech).into_iter().chain(boxes(&speech)) {
        refused(&api, &what, recording).await;
    }
    assert_eq!(api.engines().await, engines, "an engine was restarted");
    let heard = api.hear(speech).await.ok();
    assert!(heard["text"].as_str().expect("text").contains("golden key"), "{heard}");
}

/// Files that are or claim hours.
fn long_ones(speech: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let silence = "-f lavfi -i anullsrc=r=8000:cl=mono -map 1:a -t 10000";
    let flac = converted(speech, &format!("{silence} -c:a flac -f flac"));
    // The number of samples is in the last 36 bits before the checksum (RFC 9639 §8.2); 0 is unknown.
    let unknown = patched(&flac, &[(21, &[flac[21] & 0xf0, 0, 0, 0, 0])]);
    let mp3 = converted(speech, "-c:a libmp3lame -b:a 32k -ar 16000 -write_xing 0 -id3v2_version 0 -f mp3");
    let ogg = converted(speech, "-c:a libopus -b:a 16k -f ogg");
    let adts = converted(speech, "-c:a aac -b:a 32k -ar 16000 -f adts");
    let m4a = converted(speech, &format!("{silence} -c:a aac -b:a 8k -f ipod"));
    let webm = converted(speech, "-c:a libopus -b:a 16k -live 1 -f webm");
    let clusters = place(&webm, &[0x1f, 0x43, 0xb6, 0x75]);
    let mut live = webm[..clusters].to_vec();
    live.extend(webm[clusters..].repeat(500));
    vec![
        ("FLAC: hours of silence, said so", flac),
        ("FLAC: hours of silence, not said", unknown),
        ("MP3: the same again and again", mp3.repeat(500)),
        ("Ogg: a chain without end", ogg.repeat(500)),
        ("AAC: the same again and again", adts.repeat(500)),
        ("M4A: hours of silence", m4a),
        ("WebM: clusters again and again", live),
    ]
}

/// Headers that say what is not so.
fn lies(speech: &[u8]) -> Vec<(String, Vec<u8>)> {
    let flac = converted(speech, "-c:a flac -f flac");
    let ogg = converted(speech, "-c:a libopus -f ogg");
    let m4a = converted(speech, "-c:a aac -f ipod");
    let webm = converted(speech, "-c:a libopus -f webm");
    let mp3 = converted(speech, "-c:a libmp3lame -b:a 64k -f mp3");
    let xing = place(&mp3, b"Info");
    let sizes = place(&m4a, b"stsz");
    let codec = place(&webm, b"A_OPUS");
    let head = place(&ogg, b"OpusHead");
    vec![
        ("FLAC: a rate of 0".into(), patched(&flac, &[(18, &[0, 0, flac[20] & 0x0f])])),
        ("FLAC: an hour and more of samples".into(), patched(&flac, &[(21, &[flac[21] | 0x0f, 0xff, 0xff, 0xff, 0xff])])),
        ("MP3: more frames than there are".into(), patched(&mp3, &[(xing + 8, &[0, 0, 0x10, 0])])),
        ("Ogg: 255 channels, checksum wrong".into(), patched(&ogg, &[(head + 9, &[255])])),
        ("WebM: a codec that there is not".into(), patched(&webm, &[(codec, b"A_VORBIS".get(..6).expect("six"))])),
        ("WebM: AAC instead of Opus".into(), patched(&webm, &[(codec, b"A_AAC\0")])),
        ("M4A: four billion empty samples".into(), patched(&m4a, &[(sizes + 8, &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])])),
        ("M4A: one sample of four gigabytes".into(), patched(&m4a, &[(sizes + 8, &[0xff; 8])])),
        ("Opus called MP4".into(), [&b"\0\0\0\x18ftypM4A "[..], &ogg[..]].concat()),
        ("text called FLAC".into(), [&b"fLaC"[..], "a dream ".repeat(500).as_bytes()].concat()),
        ("noise called MP3".into(), noise(&[0xff, 0xfb])),
        ("noise called AAC".into(), noise(&[0xff, 0xf1])),
        ("noise called Ogg".into(), noise(b"OggS")),
        ("noise called WebM".into(), noise(&[0x1a, 0x45, 0xdf, 0xa3])),
        ("noise called WAV".into(), noise(b"RIFF\xff\xff\xff\xffWAVEfmt ")),
    ]
}

fn noise(beginning: &[u8]) -> Vec<u8> {
    let rest = (0..300_000_u32).map(|index| (index.wrapping_mul(2_654_435_761).rotate_left(index % 29) >> 11) as u8);
    beginning.iter().copied().chain(rest).collect()
}

/// Boxes within boxes, boxes without end, boxes of impossible sizes.
fn boxes(speech: &[u8]) -> Vec<(String, Vec<u8>)> {
    let header = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42".to_vec();
    let nested = |kind: &[u8; 4]| {
        let mut inside = Vec::new();
        for depth in (0..20_000_u32).rev() {
            inside.extend((16 + depth * 8).to_be_bytes().iter().rev());
            inside.extend(kind);
        }
        [&header[..], &inside].concat()
    };
    let large = |size: &[u8; 8]| [&header[..], b"\0\0\0\x01moov", size].concat();
    let many = [&header[..], &b"\0\0\0\x08free".repeat(200_000)].concat();
    let webm = converted(speech, "-c:a libopus -f webm");
    let segment = place(&webm, &[0x18, 0x53, 0x80, 0x67]);
    // Tags within tags: SimpleTag (0x67C8) holds itself, each of unknown size.
    let tags = [&webm[..segment], &[0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..]].concat();
    let deep = [&tags[..], &[0x12, 0x54, 0xc3, 0x67, 0xff, 0x73, 0x73, 0xff], &[0x67, 0xc8, 0xff].repeat(50_000)].concat();
    let endless =
        [&tags[..], &[0x12, 0x54, 0xc3, 0x67, 0x01, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0xec, 0x80].repeat(100_000)].concat();
    let huge = [&tags[..], &[0x16, 0x54, 0xae, 0x6b, 0x01, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    vec![
        ("MP4: moov in moov in moov".into(), nested(b"moov")),
        ("MP4: a box of 2⁶⁴ bytes".into(), large(&[0xff; 8])),
        ("MP4: a box of no bytes".into(), large(&[0; 8])),
        ("MP4: boxes without end".into(), many),
        ("WebM: tags in tags in tags".into(), deep),
        ("WebM: padding without end".into(), endless),
        ("WebM: tracks of 2⁵⁶ bytes".into(), huge),
    ]
}
