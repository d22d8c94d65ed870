// Every XML namespace Balcony speaks, each with the document that defines it.

export const NS = {
  client: "jabber:client", // RFC 6120 section 4.8.3
  server: "jabber:server", // RFC 6120 section 4.8.3
  stream: "http://etherx.jabber.org/streams", // RFC 6120 section 4.8.2
  framing: "urn:ietf:params:xml:ns:xmpp-framing", // RFC 7395 section 3.3.2
  streams: "urn:ietf:params:xml:ns:xmpp-streams", // RFC 6120 section 4.9.2
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas", // RFC 6120 section 8.3.2
  tls: "urn:ietf:params:xml:ns:xmpp-tls", // RFC 6120 section 5
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl", // RFC 6120 section 6
  bind: "urn:ietf:params:xml:ns:xmpp-bind", // RFC 6120 section 7
  session: "urn:ietf:params:xml:ns:xmpp-session", // RFC 3921 section 3
  xml: "http://www.w3.org/XML/1998/namespace",
  xmlns: "http://www.w3.org/2000/xmlns/",
  roster: "jabber:iq:roster", // RFC 6121 section 2
  rosterVersioning: "urn:xmpp:features:rosterver", // RFC 6121 section 2.6
  preApproval: "urn:xmpp:features:pre-approval", // RFC 6121 section 3.4
  discoInfo: "http://jabber.org/protocol/disco#info", // XEP-0030
  discoItems: "http://jabber.org/protocol/disco#items", // XEP-0030
  caps: "http://jabber.org/protocol/caps", // XEP-0115
  capsHashes: "urn:xmpp:caps", // XEP-0390
  hashes: "urn:xmpp:hashes:2", // XEP-0300
  version: "jabber:iq:version", // XEP-0092
  delay: "urn:xmpp:delay", // XEP-0203
  time: "urn:xmpp:time", // XEP-0202
  ping: "urn:xmpp:ping", // XEP-0199
  saslChannelBinding: "urn:xmpp:sasl-cb:0", // XEP-0440
  streamLimits: "urn:xmpp:stream-limits:0", // XEP-0478
  sm: "urn:xmpp:sm:3", // XEP-0198
  hints: "urn:xmpp:hints", // XEP-0334
  offline: "msgoffline", // XEP-0160
  flexibleOffline: "http://jabber.org/protocol/offline", // XEP-0013
  lastActivity: "jabber:iq:last", // XEP-0012
  privateXml: "jabber:iq:private", // XEP-0049
  register: "jabber:iq:register", // XEP-0077
  component: "jabber:component:accept", // XEP-0114
  serverInfo: "http://jabber.org/network/serverinfo", // XEP-0157
  externalServices: "urn:xmpp:extdisco:2", // XEP-0215
  jingleMessage: "urn:xmpp:jingle-message:0", // XEP-0353
  push: "urn:xmpp:push:0", // XEP-0357
  pushSummary: "urn:xmpp:push:summary", // XEP-0357
  dataForms: "jabber:x:data", // XEP-0004
  chatStates: "http://jabber.org/protocol/chatstates", // XEP-0085
  receipts: "urn:xmpp:receipts", // XEP-0184
  conference: "jabber:x:conference", // XEP-0249
  muc: "http://jabber.org/protocol/muc", // XEP-0045
  mucUser: "http://jabber.org/protocol/muc#user", // XEP-0045
  mucAdmin: "http://jabber.org/protocol/muc#admin", // XEP-0045
  mucOwner: "http://jabber.org/protocol/muc#owner", // XEP-0045
  roomConfig: "http://jabber.org/protocol/muc#roomconfig", // XEP-0045
  roomInfo: "http://jabber.org/protocol/muc#roominfo", // XEP-0045
  voiceRequest: "http://jabber.org/protocol/muc#request", // XEP-0045
  roomTraffic: "http://jabber.org/protocol/muc#traffic", // XEP-0045
  stableId: "http://jabber.org/protocol/muc#stable_id", // XEP-0045
  selfPing: "http://jabber.org/protocol/muc#self-ping-optimization", // XEP-0410
  vcard: "vcard-temp", // XEP-0054
  vcardUpdate: "vcard-temp:x:update", // XEP-0153
  avatarData: "urn:xmpp:avatar:data", // XEP-0084
  avatarMetadata: "urn:xmpp:avatar:metadata", // XEP-0084
  avatarConversion: "urn:xmpp:pep-vcard-conversion:0", // XEP-0398
  bookmarks: "urn:xmpp:bookmarks:1", // XEP-0402
  bookmarkStorage: "storage:bookmarks", // XEP-0048
  displayed: "urn:xmpp:mds:displayed:0", // XEP-0490
  displayedAssist: "urn:xmpp:mds:server-assist:0", // XEP-0490
  moderation: "urn:xmpp:message-moderate:1", // XEP-0425
  oldModeration: "urn:xmpp:message-moderate:0", // XEP-0425 version 0.2
  oldRetraction: "urn:xmpp:message-retract:0", // XEP-0424 version 0.3
  carbons: "urn:xmpp:carbons:2", // XEP-0280
  forward: "urn:xmpp:forward:0", // XEP-0297
  chatMarkers: "urn:xmpp:chat-markers:0", // XEP-0333
  blocking: "urn:xmpp:blocking", // XEP-0191
  blockingErrors: "urn:xmpp:blocking:errors", // XEP-0191
  reporting: "urn:xmpp:reporting:1", // XEP-0377
  upload: "urn:xmpp:http:upload:0", // XEP-0363
  uploadPurpose: "urn:xmpp:http:upload:purpose:0", // XEP-0363 section 5
  clientState: "urn:xmpp:csi:0", // XEP-0352
  stanzaIds: "urn:xmpp:sid:0", // XEP-0359
  occupantIds: "urn:xmpp:occupant-id:0", // XEP-0421
  archive: "urn:xmpp:mam:2", // XEP-0313
  archiveExtended: "urn:xmpp:mam:2#extended", // XEP-0313
  archiveGroupchatField: "urn:xmpp:mam:2#groupchat-field", // XEP-0313
  resultSets: "http://jabber.org/protocol/rsm", // XEP-0059
  formValidation: "http://jabber.org/protocol/xdata-validate", // XEP-0122
  pubsub: "http://jabber.org/protocol/pubsub", // XEP-0060
  pubsubOwner: "http://jabber.org/protocol/pubsub#owner", // XEP-0060
  pubsubEvent: "http://jabber.org/protocol/pubsub#event", // XEP-0060
  pubsubErrors: "http://jabber.org/protocol/pubsub#errors", // XEP-0060
  pubsubNodeConfig: "http://jabber.org/protocol/pubsub#node_config", // XEP-0060 section 17.4.4
  pubsubMetaData: "http://jabber.org/protocol/pubsub#meta-data", // XEP-0060 section 17.4.3
  pubsubPublishOptions: "http://jabber.org/protocol/pubsub#publish-options", // XEP-0060 section 7.1.5
  pubsubAuthorization: "http://jabber.org/protocol/pubsub#subscribe_authorization", // XEP-0060 section 17.4.1
  pgp: "jabber:x:encrypted", // XEP-0027
  outOfBand: "jabber:x:oob", // XEP-0066
  correction: "urn:xmpp:message-correct:0", // XEP-0308
  openpgp: "urn:xmpp:openpgp:0", // XEP-0373
  encryption: "urn:xmpp:eme:0", // XEP-0380
  omemo: "urn:xmpp:omemo:2", // XEP-0384
  oldOmemo: "eu.siacs.conversations.axolotl", // XEP-0384 version 0.3
  fastening: "urn:xmpp:fasten:0", // XEP-0422
  retraction: "urn:xmpp:message-retract:1", // XEP-0424
  reactions: "urn:xmpp:reactions:0", // XEP-0444
  fileSharing: "urn:xmpp:sfs:0", // XEP-0447
  portable: "urn:xmpp:pie:0", // XEP-0227
  portableScram: "urn:xmpp:pie:0#scram", // XEP-0227
  portableArchive: "urn:xmpp:pie:0#mam", // XEP-0227
  include: "http://www.w3.org/2001/XInclude", // XEP-0227 section 5
  privacy: "jabber:iq:privacy", // XEP-0016
  e2e: "urn:ietf:params:xml:ns:xmpp-e2e", // RFC 3923
  pidf: "urn:ietf:params:xml:ns:pidf", // RFC 3863
  pidfIm: "urn:ietf:params:xml:ns:pidf:im", // RFC 3863 section 4.1.4 examples, never standardised
  dataModel: "urn:ietf:params:xml:ns:pidf:data-model", // RFC 4479
  rpid: "urn:ietf:params:xml:ns:pidf:rpid", // RFC 4480
  cpimHeaders: "urn:ietf:params:cpim-headers:", // RFC 3862 section 4
} as const;
