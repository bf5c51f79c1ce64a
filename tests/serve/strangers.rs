//! Who may not ask, and requests that git-lfs would never send: each is refused in one sentence, and
//! the server goes on.

use super::server::{ADA, BOB, LFS};
use super::{Server, TOKEN, shop};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn who_does_not_know_the_token_learns_nothing_and_changes_nothing() {
    let scene = shop();
    let server = Server::start(&scene);
    let lock = ["lfs", "lock", "art/logo.psd"];
    let said = scene.git_with("ada", "another-token-of-16", &server, &lock).fails(2);
    assert!(said.contains("the token is wrong; the user name is yours, the password"), "{said}");
    scene.git_with("ada", "", &server, &lock).fails(2);
    let answer = server.ask("GET /locks", &[], "");
    assert_eq!(answer.status, 401);
    assert!(answer.head.contains("lfs-authenticate: basic realm="), "{answer:?}");
    assert!(answer.head.contains("content-type: application/vnd.git-lfs+json"), "{answer:?}");
    let said = answer.body["message"].as_str().unwrap();
    assert!(said.contains("the password is the token") && !said.contains(TOKEN), "{said}");
    assert!(scene.claims().is_empty());
}

#[test]
fn what_git_lfs_never_sends_is_refused_and_the_server_goes_on() {
    let scene = shop();
    let server = Server::start(&scene);
    let huge = format!(r#"{{"path": "{}"}}"#, "x".repeat(1 << 20));
    let path = r#"{"path": "art/logo.psd"}"#;
    let cases: [(&str, &[&str], &str, u16); 14] = [
        ("POST /locks", &[ADA, LFS], "{", 400),
        ("POST /locks", &[ADA, LFS], "{}", 400),
        ("POST /locks", &[ADA, LFS], "\u{0}\u{1}", 400),
        ("POST /locks", &[ADA, LFS], &huge, 413),
        ("POST /locks", &[ADA], path, 415),
        ("POST /locks", &[ADA, "Content-Type: text/plain"], path, 415),
        ("POST /locks", &[ADA, LFS], r#"{"path": "../out"}"#, 422),
        ("POST /locks", &[ADA, LFS], r#"{"path": "/etc/passwd"}"#, 422),
        ("POST /locks", &[ADA, LFS, "Origin: http://evil.example"], path, 403),
        ("POST /locks/lock-12345678/unlock", &[ADA, LFS], "{}", 404),
        ("POST /locks/..%2f..%2fx/unlock", &[ADA, LFS], r#"{"force": true}"#, 404),
        ("GET /locks?limit=many", &[ADA], "", 400),
        ("DELETE /locks", &[ADA], "", 404),
        ("POST /objects/batch", &[ADA, LFS], "{}", 501),
    ];
    for (line, headers, body, status) in cases {
        let answer = server.ask(line, headers, body);
        assert_eq!(answer.status, status, "{line} {headers:?}: {answer:?}");
        assert!(answer.body["message"].is_string(), "{answer:?}");
        assert!(!answer.head.contains("access-control"), "{answer:?}");
    }
    let answer = server.ask_at("Host: evil.example", "GET /locks", &[ADA], "");
    assert_eq!(answer.status, 403);
    assert!(scene.claims().is_empty());
    let answer = server.ask("POST /locks", &[BOB, LFS], path);
    assert_eq!((answer.status, &answer.body["lock"]["owner"]["name"]), (201, &json!("bob-1")));
    let again = server.ask("POST /locks", &[ADA, LFS], path);
    assert_eq!((again.status, &again.body["lock"]), (409, &answer.body["lock"]));
}

#[test]
fn pages_follow_each_other_also_while_locks_go() {
    let scene = shop();
    let server = Server::start(&scene);
    for name in ["a", "b", "c", "d", "e"] {
        let body = json!({ "path": format!("{name}.psd") }).to_string();
        assert_eq!(server.ask("POST /locks", &[ADA, LFS], &body).status, 201);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let body = json!({ "limit": 2, "cursor": (!cursor.is_empty()).then_some(&cursor) });
        let page = server.ask("POST /locks/verify", &[ADA, LFS], &body.to_string()).body;
        let ours = page["ours"].as_array().unwrap();
        assert!(ours.len() <= 2 && page["theirs"] == json!([]), "{page}");
        seen.extend(ours.iter().map(|one| one["path"].as_str().unwrap().to_owned()));
        // The lock that the next page is counted from is gone by then.
        let last = ours.last().unwrap()["id"].as_str().unwrap();
        let unlock = format!("POST /locks/{last}/unlock");
        assert_eq!(server.ask(&unlock, &[ADA, LFS], "{}").status, 200);
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    seen.sort();
    assert_eq!(seen, ["a.psd", "b.psd", "c.psd", "d.psd", "e.psd"]);
}

#[test]
fn the_server_listens_on_this_machine_alone_and_wants_a_token_that_is_hard_to_guess() {
    let scene = shop();
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let said = scene.run(&["serve", "lfs-locks", "--listen", address]).fails(2);
        assert!(said.contains("is not a loopback address"), "{said}");
    }
    let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
    let command = command.args(["serve", "lfs-locks"]).env("RECONCILER_LFS_TOKEN", "secret");
    let said = super::scene::said(command.stdin(Stdio::null()).output().unwrap()).fails(1);
    assert!(said.contains("16 or more"), "{said}");
    let server = Server::start(&scene);
    let said = scene.run(&["serve", "lfs-locks", "--listen", server.address()]).fails(1);
    assert!(said.contains("cannot listen at"), "{said}");
}

#[test]
fn who_wants_objects_is_sent_to_the_server_that_has_them_without_our_token() {
    let scene = shop();
    let objects = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", objects.local_addr().unwrap());
    let url = format!("{host}/shop/info/lfs");
    let server = Server::with(&scene, &["--objects", &url], &[]);
    scene.git(&[
        "config",
        &format!("credential.{host}.helper"),
        "!f() { echo username=o; echo password=p; }; f",
    ]);
    scene.git(&["config", "filter.lfs.required", "true"]);
    scene.git(&["lfs", "track", "*.bin"]);
    scene.write("x.bin", "an object\n");
    scene.commit("object");
    let asked = std::thread::spawn(move || has_all(&objects));
    let said = scene.git_as("ada", &server, &["push", "origin", "main"]);
    assert_eq!(said.code, 0, "{said:?}");
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("POST /shop/info/lfs/objects/batch "), "{asked}");
    assert!(asked.contains("Authorization: Basic bzpw\r\n"), "{asked}");
}

/// Answers one batch request: that everything is there already. Returns the request.
fn has_all(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut bytes).unwrap();
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let Ok(asked) = serde_json::from_str::<serde_json::Value>(body) else { continue };
        let object = &asked["objects"][0];
        let all = json!({ "objects": [{ "oid": object["oid"], "size": object["size"] }] });
        let (all, kind) = (all.to_string(), "Content-Type: application/vnd.git-lfs+json");
        let head = format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\n", all.len());
        stream.write_all(format!("{head}Connection: close\r\n\r\n{all}").as_bytes()).unwrap();
        return text;
    }
}

#[test]
fn what_it_says_when_it_begins_is_all_that_git_must_be_told() {
    let scene = shop();
    let script = "\
        reconciler serve lfs-locks > said & server=$!\n\
        trap 'kill $server; wait $server' EXIT\n\
        until grep -q '^  export' said; do kill -0 $server || exit 9; done\n\
        sed -n 's/^  //p' said > lines\n\
        . ./lines\n\
        git lfs lock art/logo.psd && git lfs locks\n";
    let said = super::scene::said(scene.program("sh").args(["-c", script]).output().unwrap());
    let out = said.ok();
    assert!(out.contains("Locked art/logo.psd\n"), "{out}");
    assert!(out.contains("t-1"), "{out}");
}
