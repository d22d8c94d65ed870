// The description of the binding (OpenAPI 3.1), generated from the schemas that validate its requests.

import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import * as z from "zod";
import { json } from "./routes.ts";
import { docs } from "./schemas.ts";

const toComponents = createJsonSchemaTransformObject({ schemaRegistry: docs });

/** Describes the routes that `app` is given from now on. */
export async function describeRoutes(app: FastifyInstance, base: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Balcony: CPP and CPIM operations over HTTP",
        description: "The operations of RFC 3859 and RFC 3860 for the foreign side of an RFC 3922 gateway.",
        version: "1",
      },
      servers: [{ url: base }],
      components: {
        securitySchemes: {
          token: {
            type: "http",
            scheme: "bearer",
            description: "A token of `balcony token add`; its scope is a gateway domain or one presentity.",
          },
        },
      },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ schemaRegistry: docs }),
    transformObject: (document) => withoutInputTwins(toComponents(document)),
  });
}

/** The one call that needs no token. */
export function openApiRoute(app: FastifyInstance): void {
  app.withTypeProvider<ZodTypeProvider>().route({
    method: "GET",
    url: "/openapi.json",
    schema: {
      operationId: "openapi",
      summary: "This description",
      security: [],
      response: { 200: json("OpenAPI 3.1.", z.looseObject({})) },
    },
    handler: async (_request, reply) => reply.send({ ...app.swagger() }),
  });
}

type Document = ReturnType<typeof toComponents>;

// Each component comes a second time as what a request may say; none of ours stands in a request.
function withoutInputTwins(document: Document): Document {
  if (!("components" in document)) return document;
  const schemas = Object.entries(document.components?.schemas ?? {}).filter(([name]) => !name.endsWith("Input"));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(schemas) } } as Document;
}
