"""Commands that take a secret without naming it: which of their words it is."""

from __future__ import annotations

# By command: options whose next word is a secret, or what follows their `=`.
NEXT: dict[str, frozenset[str]] = {
    name: frozenset(options.split())
    for names, options in (
        ("docker podman nerdctl helm skopeo buildah oras crane regctl", "-p"),
        ("mongo mongosh mongodump mongorestore mongoimport mongoexport", "-p"),
        ("oc az rabbitmqadmin twine sshpass cloudflared vsce ovsx snowsql exaplus kinit", "-p"),
        ("sqlcmd bcp unzip zip mosquitto_pub mosquitto_sub sqsh tsql ipmitool p4 knife mssql-cli", "-P"),
        ("ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd", "-w -s"),
        ("redis-cli valkey-cli keydb-cli", "-a"),
        ("openssl", "-k -K -passin -passout -pass -hmac -macopt"),
        ("keytool jarsigner", "-storepass -keypass"),
        ("apksigner", "--ks-pass --key-pass"),
        ("nuget dotnet", "-ApiKey -k"),
        ("curl", "-b --cookie --oauth2-bearer"),
        ("influx codecov doctl vercel netlify glab k3s anaconda", "-t"),
        ("ssh-keygen", "-N -P"),
        ("snmpget snmpwalk snmpset snmpbulkwalk snmpgetnext snmptrap", "-A -X -c"),
        ("rdesktop vncviewer x11vnc vncserver cypher-shell cqlsh beeline", "-p -passwd"),
        ("choco ss-local ss-server ss-redir sslocal ssserver mcrypt outguess", "-k"),
        ("schtasks", "/rp"),
        ("signtool signtool.exe", "/p"),
        ("certutil certutil.exe steghide aescrypt unar lsar mutool medusa hydra", "-p"),
        ("osslsigncode exiftool", "-pass -password"),
        ("pvk2pfx", "-pi -po"),
        ("pdftotext pdfimages pdftoppm pdfinfo pdftocairo", "-upw -opw"),
        ("pdftk", "input_pw user_pw owner_pw"),
        ("sendemail sendEmail", "-xp"),
        ("swaks", "-ap --auth-password"),
        ("ccrypt ccencrypt ccdecrypt", "-K"),
        ("qpdf", "--encrypt --password"),
        ("plink pscp psftp putty nodetool", "-pw"),
        ("nzsql sqlline", "-pw -p"),
        ("vmrun", "-gp -vp"),
        ("kaggle mp4decrypt", "--key"),
        ("consul serf nomad", "-encrypt"),
        ("caddy", "--plaintext"),
        ("mvn", "-emp"),
        ("irssi", "-w"),
        ("hatch", "-a"),
        ("useradd usermod veracrypt supabase conan cf mydumper myloader", "-p"),
        ("security", "-p -w -P"),
        ("vsql", "-w"),
        ("hdbsql couchbase-cli cbq crackmapexec smbmap psexec ncftpput racadm yt-dlp poetry airflow", "-p"),
    )
    for name in names.split()
}
# Options that their secret is glued to.
GLUED: dict[str, tuple[str, ...]] = {
    name: tuple(options.split())
    for names, options in (
        ("mycli mysqlsh mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlslap mysqlbinlog", "-p"),
        ("mariadb mariadb-dump mariadb-admin mariadb-backup mariadb-check xtrabackup mytop", "-p"),
        ("7z 7za 7zz 7zr sshpass mongo mongosh mongodump", "-p"),
        ("rar unrar", "-hp -p"),
        ("arj", "-g"),
        ("ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd", "-w"),
        ("sqlcmd bcp unzip zip mosquitto_pub mosquitto_sub", "-P"),
        ("xfreerdp xfreerdp3 wlfreerdp", "/p:"),
        ("winrs", "-p: /p:"),
        ("sqlpackage sqlpackage.exe", "/sp: /tp:"),
    )
    for name in names.split()
}
# Options of user:secret, next to them or glued.
WITH_USER = {
    "curl": "-u --user -U --proxy-user -E --cert",
    "http": "-a --auth",
    "xh": "-a --auth",
    "https": "-a --auth",
    "lftp": "-u",
    **dict.fromkeys(("smbclient", "net", "winexe", "rpcclient", "smbget"), "-U"),
    "transmission-remote": "-n",
    "ab": "-A -P",
}
ORACLE = {"sqlplus", "sqlldr", "imp", "exp", "impdp", "expdp", "rman"}
# By command: the word, and how many words behind it a secret stands, its options aside.
PLACED: dict[str, dict[str, int]] = {
    "wandb": {"login": 1},
    "shodan": {"init": 1},
    "cargo": {"login": 1},
    "vault": {"login": 1, "unseal": 1},
    "heroku": {"auth:token": 1},
    "ngrok": {"add-authtoken": 1, "authtoken": 1},
    "gcloud": {"activate-refresh-token": 1},
    "doppler": {"set": 1},
    "rclone": {"obscure": 1},
    "snyk": {"auth": 1},
    "bw": {"unlock": 1, "login": 2},
    "cf": {"auth": 2},
    "op": {"signin": 4},
    "ansible-vault": {"encrypt_string": 1},
    "nuget": {"setapikey": 1},
    "isql": {"": 3},
    "radtest": {"": 2},
    "wpa_passphrase": {"": 2},
    "mc": {"set": 4, "add": 4},
    "b2": {"authorize-account": 2, "authorize": 2},
    "keyctl": {"add": 3, "padd": 3},
    "credstash": {"put": 2},
    "chamber": {"write": 3},
    "virsh": {"set-user-password": 3},
    "raspi-config": {"do_wifi_ssid_passphrase": 2},
    "neo4j-admin": {"set-initial-password": 1},
    "grafana-cli": {"reset-admin-password": 1},
    "grafana": {"reset-admin-password": 1},
}
PARTITIONS = frozenset({"sbatch", "srun", "salloc", "sinfo", "squeue"})  # which `-p` names there
# Of these `-u` and `--user` name a user and perhaps a group, `-p` a port.
CONTAINERS = frozenset({"docker", "podman", "nerdctl", "kubectl", "singularity", "apptainer", *PARTITIONS})
COMMANDS = frozenset(
    (*NEXT, *GLUED, *WITH_USER, *PLACED, "sqlplus", "aws", "dvc", "npm", "conda", "pip", "htpasswd", "siege", "wget")
)
COMMAND_WORDS = frozenset(name.encode() for name in COMMANDS)
# Words of a line as a shell has them: what may be part of a command's name stays, all else parts them.
PARTED = bytes(code if (chr(code).isalnum() and code < 128) or code in b"_.-" else 32 for code in range(256))
