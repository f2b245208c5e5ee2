"""Tries each key of the platform's object store on it, and prints what each may do, as JSON.

It runs where boto3 is, beside the store: python s3_client.py NAME=KEY:SECRET...
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import boto3  # type: ignore[import-not-found]
from botocore import UNSIGNED  # type: ignore[import-not-found]
from botocore.config import Config  # type: ignore[import-not-found]
from botocore.exceptions import ClientError  # type: ignore[import-not-found]
from botocore.parsers import ResponseParserError  # type: ignore[import-not-found]

ADDRESS = "http://127.0.0.1:8333"
BUCKETS = "mlpipeline", "mlflow"
NAME = "folder/object"
OPEN = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}]}'
Acts = dict[str, Callable[[], Any]]


def client(service: str, key: str, secret: str) -> Any:
    """Return a client that signs with a key, or with none."""
    signed = {} if key else {"signature_version": UNSIGNED}
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60, **signed)
    login = {"aws_access_key_id": key, "aws_secret_access_key": secret} if key else {}
    return boto3.client(service, endpoint_url=ADDRESS, region_name="us-east-1", config=config, **login)


def acts(s3: Any, bucket: str) -> Acts:
    """Return what reads and changes a bucket, by copies into the other too."""
    (other,) = set(BUCKETS) - {bucket}
    here, there = {"Bucket": bucket, "Key": NAME}, {"Bucket": bucket, "Key": "other"}
    return {
        "get": partial(s3.get_object, **here),
        "head": partial(s3.head_object, **here),
        "head bucket": partial(s3.head_bucket, Bucket=bucket),
        "list": partial(s3.list_objects_v2, Bucket=bucket),
        "list versions": partial(s3.list_object_versions, Bucket=bucket),
        "put": partial(s3.put_object, **there, Body=b"other"),
        "overwrite": partial(s3.put_object, **here, Body=b"other"),
        "tag": partial(s3.put_object_tagging, **here, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}),
        "upload in parts": lambda: upload(s3, bucket),
        "copy from": partial(s3.copy_object, Bucket=other, Key="copy", CopySource=here),
        "copy a part from": lambda: upload(s3, other, here),
        "copy to": partial(s3.copy_object, Bucket=bucket, Key="copy", CopySource={"Bucket": other, "Key": NAME}),
        "delete several": lambda: delete(s3, bucket, "other"),
        "delete": partial(s3.delete_object, **there),
    }


def detours(s3: Any, bucket: str) -> Acts:
    """Return what would reach a bucket by a path through the other."""
    (other,) = set(BUCKETS) - {bucket}
    path = {"Bucket": other, "Key": f"folder/../../{bucket}/{NAME}"}
    return {"get by ..": partial(s3.get_object, **path), "put by ..": partial(s3.put_object, **path, Body=b"other")}


def administration(s3: Any, iam: Any, bucket: str) -> Acts:
    """Return what only an administrator may do."""
    return {
        "create a bucket": partial(s3.create_bucket, Bucket="another"),
        "open a bucket": partial(s3.put_bucket_policy, Bucket=bucket, Policy=OPEN),
        "list users": iam.list_users,
        "create a user": partial(iam.create_user, UserName="another"),
        "create a key": partial(iam.create_access_key, UserName="mlflow"),
        "give rights": partial(iam.put_user_policy, UserName="pipelines", PolicyName="all", PolicyDocument=OPEN),
        "delete a bucket": partial(s3.delete_bucket, Bucket=bucket),
    }


def upload(s3: Any, bucket: str, source: dict[str, str] | None = None) -> None:
    """Upload an object in parts, of which the only one may be a copy."""
    where = {"Bucket": bucket, "Key": "parts"}
    where |= {"UploadId": s3.create_multipart_upload(**where)["UploadId"]}
    if source:
        part = s3.upload_part_copy(**where, PartNumber=1, CopySource=source)["CopyPartResult"]
    else:
        part = s3.upload_part(**where, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, MultipartUpload=parts)


def delete(s3: Any, bucket: str, name: str) -> None:
    """Delete an object by the call for several, which succeeds where each is refused."""
    if errors := s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name}]}).get("Errors"):
        raise ClientError({"Error": errors[0]}, "DeleteObjects")


def done(acts: Acts) -> list[str]:
    """Return what succeeds."""
    names = []
    for name, act in acts.items():
        with suppress(ClientError, ResponseParserError):
            act()
            names.append(name)
    return names


def main() -> None:
    """Fill both buckets by the keys that open them, and try each key on each."""
    keys = {name: login.split(":") for name, _, login in (given.partition("=") for given in sys.argv[1:])}
    clients = {name: (client("s3", *login), client("iam", *login)) for name, login in keys.items()}
    for bucket in BUCKETS:
        clients[bucket][0].put_object(Bucket=bucket, Key=NAME, Body=bucket.encode())
    may = {
        name: {
            bucket: done(acts(s3, bucket) | detours(s3, bucket) | administration(s3, iam, bucket)) for bucket in BUCKETS
        }
        for name, (s3, iam) in clients.items()
    }
    print(json.dumps(may))


main()
