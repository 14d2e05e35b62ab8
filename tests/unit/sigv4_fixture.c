// SPDX-License-Identifier: MIT
/* See sigv4_fixture.h. */
#include "sigv4_fixture.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/http/sigv4.h"

/** put() - add a header */
void put(struct message *m, const char *name, const char *value)
{
	m->headers[m->count++] = (struct http_header){ name, value };
}

/** build() - make the request of @v */
void build(struct message *m, const struct vector *v)
{
	*m = (struct message){
		.region = "us-east-1", .service = v->service, .secret = SECRET, .now = NOW
	};
	snprintf(m->authorization, sizeof(m->authorization),
		 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s",
		 v->service, v->signed_headers, v->signature);
	snprintf(m->body, sizeof(m->body), "%s", v->body);
	put(m, "Host", "example.amazonaws.com");
	put(m, "X-Amz-Date", WHEN);
	for (size_t i = 0; i < sizeof(v->extra) / sizeof(v->extra[0]) && v->extra[i].name; i++)
		put(m, v->extra[i].name, v->extra[i].value);
}

/** verify() - as a service does; Return: 0, or -1 with @f */
int verify(struct message *m, struct fault *f)
{
	struct secret *secret = secret_new(strlen(m->secret));
	struct sigv4_authorization authorization;
	struct http_request request;
	int r;

	memcpy(secret->bytes, m->secret, secret->size);
	if (m->authorization[0])
		put(m, "Authorization", m->authorization);
	request = (struct http_request){ .headers = m->headers,
					 .header_count = m->count,
					 .body = (const uint8_t *)m->body,
					 .body_size = strlen(m->body) };
	r = sigv4_parse(&request, &authorization, f);
	if (!r)
		r = sigv4_verify(&request, &authorization, secret, m->region, m->service, m->now,
				 f);
	secret_free(secret);
	return r;
}
